package trace

import (
	"encoding/json"
	"net/netip"
	"reflect"
	"strings"
	"testing"
)

func TestParseFlow(t *testing.T) {
	for text, want := range map[string]Flow{
		"tcp 443":                       {Protocol: 6, Port: 443},
		"  TCP   443 ":                  {Protocol: 6, Port: 443},
		"tcp/443":                       {Protocol: 6, Port: 443},
		"ipv6 tcp 443":                  {Protocol: 6, Port: 443, Version: 6},
		"udp 53 sport 53":               {Protocol: 17, Port: 53, FromPort: 53},
		"sctp 36412":                    {Protocol: 132, Port: 36412},
		"tcp 80 flags syn,ack":          {Protocol: 6, Port: 80, TCPFlags: new(uint16(0x12))},
		"tcp 80 flags tcp_rst":          {Protocol: 6, Port: 80, TCPFlags: new(uint16(4))},
		"tcp 80 flags none":             {Protocol: 6, Port: 80, TCPFlags: new(uint16(0))},
		"ping":                          {ICMP: true, Protocol: 1, ICMPType: 8},
		"ping6":                         {ICMP: true, Protocol: 58, ICMPType: 128, Version: 6},
		"ipv6 ping":                     {ICMP: true, Protocol: 58, ICMPType: 128, Version: 6},
		"ipv4 ping":                     {ICMP: true, Protocol: 1, ICMPType: 8, Version: 4},
		"icmp 8 0":                      {ICMP: true, Protocol: 1, ICMPType: 8, Version: 4},
		"icmp 3":                        {ICMP: true, Protocol: 1, ICMPType: 3, Version: 4},
		"icmp6 1 4":                     {ICMP: true, Protocol: 58, ICMPType: 1, ICMPCode: 4, Version: 6},
		"arp":                           {EtherType: 0x0806},
		"ip 47":                         {Protocol: 47},
		"ip esp":                        {Protocol: 50},
		"ipv4 ip 0":                     {Version: 4},
		"ethertype 0x88cc":              {EtherType: 0x88cc},
		"ethertype wol size 102":        {EtherType: 0x0842, Size: 102},
		"tcp 22 dest 192.168.7.7":       {Protocol: 6, Port: 22, Dest: netip.MustParseAddr("192.168.7.7")},
		"udp 5353 tos 184 source fd::1": {Protocol: 17, Port: 5353, TOS: 184, Source: netip.MustParseAddr("fd::1")},
	} {
		got, err := ParseFlow(text)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
		if again, err := ParseFlow(got.String()); err != nil || !reflect.DeepEqual(again, got) {
			t.Errorf("%q is written as %q, which is %+v, %v", text, got.String(), again, err)
		}
	}
}

func TestParseFlowErrors(t *testing.T) {
	for text, part := range map[string]string{
		"":                                 `write "tcp 443"`,
		"ssh":                              `"ssh" is not known; write "tcp 443"`,
		"tcp":                              "a port is missing",
		"tcp ssh":                          `"ssh" is not a port from 0 to 65535`,
		"tcp 70000":                        `"70000" is not a port from 0 to 65535`,
		"tcp -1":                           "is not a port",
		"tcp 443 now":                      `"now" is not known`,
		"udp 53 flags syn":                 "flags go with tcp",
		"tcp 80 flags sin":                 `"sin" is not a TCP flag`,
		"tcp 80 flags":                     "is not a TCP flag",
		"ping sport 7":                     "sport goes with tcp",
		"icmp 300":                         "is not an ICMP type from 0 to 255",
		"ethertype 0":                      "0 is no ethertype",
		"ipv4 icmp6 1":                     "icmp6 is not of ipv4",
		"ipv6 arp":                         "ipv4 and ipv6 go with protocols of IP",
		"ethertype ipv4":                   "IP is written by its protocol",
		"ethertype 0x88cc dest ::1":        "source and dest go with IP and arp",
		"ipv6 tcp 22 dest 10.0.0.1":        "10.0.0.1 is of another family",
		"arp dest fd00::1":                 "fd00::1 is of another family",
		"tcp 1 source ::2 dest 10.0.0.1":   "different families",
		"tcp 1 dest bob":                   `"bob" is not an IP address`,
		"tcp 1 dest fe80::1%eth0":          "is not an IP address",
		"tcp 1 source 224.0.0.1":           "is a group",
		"tcp " + strings.Repeat("9", 5000): "is not a port",
	} {
		f, err := ParseFlow(text)
		if err == nil || !strings.Contains(err.Error(), part) || len(err.Error()) > 500 || !reflect.DeepEqual(f, Flow{}) {
			t.Errorf("%.40q: %+v, %v; want %q", text, f, err, part)
		}
	}
}

func TestFlowInJSON(t *testing.T) {
	want := []Flow{{Protocol: 6, Port: 443}, {EtherType: etherARP}}
	text, err := json.Marshal(want)
	if err != nil || string(text) != `["tcp 443","arp"]` {
		t.Fatalf("%s, %v", text, err)
	}
	var got []Flow
	if err := json.Unmarshal(text, &got); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	if err := json.Unmarshal([]byte(`["telnet"]`), &got); err == nil {
		t.Error("telnet is read as a flow")
	}
}

// What ParseFlow takes is written so that it reads the same again, and can be
// followed.
func FuzzParseFlow(f *testing.F) {
	for _, text := range []string{"tcp 443", "ipv6 udp 53 sport 1 size 3 tos 9", "icmp 8 0", "ethertype 0x88cc", "tcp/1 flags syn", "arp dest 10.0.0.9", "ip 135", "udp 1 dest ff02::fb", "\x00\xff"} {
		f.Add(text)
	}
	n := compiled(f, "drop not dport 1 and random 0.5; tee 64 3017000003; accept;")
	from, to := pair()
	f.Fuzz(func(t *testing.T, text string) {
		read, err := ParseFlow(text)
		if err != nil {
			if len(err.Error()) > 800 {
				t.Errorf("the error repeats a long text: %d bytes", len(err.Error()))
			}
			return
		}
		again, err := ParseFlow(read.String())
		if err != nil || !reflect.DeepEqual(read, again) {
			t.Fatalf("%q: %+v is written as %q, which is %+v, %v", text, read, read.String(), again, err)
		}
		c, err := Converse(n, from, to, read)
		if err == nil && len(c.Legs) == 0 {
			t.Errorf("%q has no packets", text)
		}
	})
}
