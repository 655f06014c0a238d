package server

// collectEndpoint reports what the VL1 endpoint counted.
func (m *metrics) collectEndpoint(counter, gauge collect) {
	e := m.server.endpoint.Stats()
	counter(vl1Datagrams, float64(e.ReceivedDatagrams), "received")
	counter(vl1Datagrams, float64(e.SentDatagrams), "sent")
	counter(vl1Bytes, float64(e.ReceivedBytes), "received")
	counter(vl1Bytes, float64(e.SentBytes), "sent")
	counter(vl1Events, float64(e.Relayed), "relayed")
	counter(vl1Events, float64(e.Rendezvous), "rendezvous")
	counter(vl1Events, float64(e.Hellos), "hello")
	counter(vl1Events, float64(e.Validations), "identity_validation")
	counter(vl1Events, float64(e.WhoisSent), "whois")
	counter(vl1Events, float64(e.WorldsWithheld), "planet_withheld")
	counter(vl1Events, float64(e.Evicted), "peer_evicted")
	for reason, n := range e.Dropped {
		counter(vl1Drops, float64(n), reason.String())
	}
	gauge(vl1Sizes, float64(e.Strangers), "strangers")
	gauge(vl1Sizes, float64(e.Trusted), "trusted_peers")
	gauge(vl1Sizes, float64(e.SendQueue), "send_queue")
	gauge(vl1Sizes, float64(e.StrangerQueue), "stranger_queue")
	gauge(vl1Sizes, float64(e.ValidationQueue), "validation_queue")
	gauge(vl1Sizes, float64(e.Waiting), "waiting_packets")
	gauge(vl1Sizes, float64(e.MulticastEntries), "multicast_entries")
}
