package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mrand "math/rand/v2"
	"net"
	"time"

	"github.com/orrery-net/orrery/zt"
	"github.com/orrery-net/orrery/zt/identity"
	"github.com/orrery-net/orrery/zt/member"
	"github.com/orrery-net/orrery/zt/packet"
)

const (
	floodTime    = 10 * time.Second
	floodSockets = 8 // each in a source network of its own
	floodEvery   = 10 * time.Millisecond
	floodNoise   = 6    // random datagrams per socket each time: 4 800/s in all
	floodHellos  = 1    // HELLOs of strangers per socket each time: 800/s in all
	strangers    = 2000 // different ones
	askers       = 10   // known members, each asking about once a second
)

// flood has strangers send random bytes and HELLOs with an identity that only
// its validation shows to be none, while known members ask as usual.
func (b *bench) flood(ctx context.Context) error {
	hellos, err := strangersHellos(b.server, strangers)
	if err != nil {
		return err
	}
	known := b.home[:min(askers, len(b.home))]
	before, err := b.server.settled(ctx)
	if err != nil {
		return err
	}
	calm, calmLost, err := askOneByOne(ctx, known, floodTime)
	if err != nil {
		return err
	}
	began, err := b.server.usage(ctx)
	if err != nil {
		return err
	}
	flooding := make(chan error, 1)
	var sent int
	go func() {
		var err error
		sent, err = pour(ctx, b.server, hellos, floodTime)
		flooding <- err
	}()
	rough, roughLost, err := askOneByOne(ctx, known, floodTime)
	if err := errors.Join(err, <-flooding); err != nil {
		return err
	}
	ended, err := b.server.usage(ctx)
	if err != nil {
		return err
	}
	after, err := b.server.settled(ctx)
	if err != nil {
		return err
	}
	const step = "flood"
	length := ended.at.Sub(began.at)
	b.report.add(step, "datagrams of strangers", perSecond(float64(sent)/length.Seconds()), "")
	b.report.add(step, "a known member's request → answer before: p50, p99", millis(percentile(calm, 0.5))+", "+millis(percentile(calm, 0.99)), "")
	b.report.add(step, "… during the flood: p50, p99", millis(percentile(rough, 0.5))+", "+millis(percentile(rough, 0.99)), "flat")
	b.report.add(step, "… not answered, before and during", fmt.Sprintf("%d of %d, %d of %d", calmLost, calmLost+len(calm), roughLost, roughLost+len(rough)), "0")
	b.report.add(step, "identities validated (paced at 40 a second)", perSecond((ended.validations-began.validations)/length.Seconds()), "")
	b.report.add(step, "server CPU during the flood", fmt.Sprintf("%.0f %% of a core", 100*(ended.cpu-began.cpu).Seconds()/length.Seconds()), "")
	b.report.add(step, "heap after a collection: before and after", megabytes(before.heap)+" → "+megabytes(after.heap), "no growth")
	b.report.add(step, "memory: whole process before and after", megabytes(before.resident)+" → "+megabytes(after.resident), "")
	return nil
}

// strangersHellos makes HELLOs as real nodes send them, except that nobody
// worked for the address.
func strangersHellos(s *server, count int) ([]packet.Packet, error) {
	hellos := make([]packet.Packet, 0, count)
	for i := range count {
		key, err := identity.NewSigningKey()
		if err != nil {
			return nil, err
		}
		address := zt.Address(0x5700000000 + uint64(i))
		id, err := identity.ParseText(fmt.Sprintf("%s:0:%x:%x", address, key.Public(), key.Private()))
		if err != nil {
			return nil, err
		}
		shared, err := id.Agree(s.identity)
		if err != nil {
			return nil, err
		}
		h := packet.Hello{
			Protocol: 12, Major: 1, Minor: 14, Revision: 2, Time: time.Now().UnixMilli(),
			Identity: id.Public(), Destination: s.udp,
		}
		p := packet.Packet(h.Append(packet.New(nil, s.identity.Address(), address, packet.VerbHello)))
		session := packet.NewKey(shared)
		session.CryptHelloTail(p, len(p)-h.TailLen())
		session.Seal(p, packet.CipherNone)
		hellos = append(hellos, p)
	}
	return hellos, nil
}

// pour sends the flood for a time and returns how many datagrams it was.
func pour(ctx context.Context, s *server, hellos []packet.Packet, length time.Duration) (sent int, err error) {
	var sockets []*net.UDPConn
	defer func() {
		for _, c := range sockets {
			c.Close()
		}
	}()
	for i := range floodSockets {
		from := &net.UDPAddr{IP: net.IPv4(127, 1, byte(i+1), 1)}
		c, err := net.DialUDP("udp4", from, net.UDPAddrFromAddrPort(s.udp))
		if err != nil {
			return 0, err
		}
		sockets = append(sockets, c)
	}
	noise := make([]byte, 1<<16)
	if _, err := rand.Read(noise); err != nil {
		return 0, err
	}
	write := func(c *net.UDPConn, datagram []byte) {
		if _, err := c.Write(datagram); err == nil {
			sent++
		}
	}
	tick := time.NewTicker(floodEvery)
	defer tick.Stop()
	next := 0
	for range int(length / floodEvery) {
		select {
		case <-ctx.Done():
			return sent, ctx.Err()
		case <-tick.C:
		}
		for _, c := range sockets {
			for i := range floodNoise {
				size := 1 + mrand.IntN(1400)
				datagram := noise[mrand.IntN(len(noise)-size):][:size]
				if i%2 == 0 && size > packet.HeaderLen {
					// Half of it gets past the destination address.
					s.identity.Address().Put(datagram[8:])
				}
				write(c, datagram)
			}
			for range floodHellos {
				write(c, hellos[next%len(hellos)])
				next++
			}
		}
	}
	return sent, nil
}

// askOneByOne has some members ask in turn, each about once a second, and
// returns how long the answers took, and how many did not come in time.
func askOneByOne(ctx context.Context, all []membership, length time.Duration) (took []time.Duration, lost int, err error) {
	if err := sleep(ctx, askEvery); err != nil { // they may have asked just now
		return nil, 0, err
	}
	pause := askEvery / time.Duration(len(all))
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for i := range int(length / pause) {
		select {
		case <-ctx.Done():
			return nil, 0, ctx.Err()
		case <-tick.C:
		}
		m := all[i%len(all)]
		had := m.State().Configs
		waiting, cancel := context.WithTimeout(ctx, askEvery)
		began := time.Now()
		m.Request()
		_, err := m.Wait(waiting, func(s member.State) bool { return s.Configs > had })
		cancel()
		if err != nil {
			lost++
			continue
		}
		took = append(took, time.Since(began))
	}
	return took, lost, nil
}
