package main

import (
	"fmt"
	"net"
	"strconv"
)

// checkPorts tries every chosen port. A port that is taken would show anyway, later, in the words of whichever part wants it.
func (o options) checkPorts() error {
	for i, p := range o.ports {
		if p.number == 0 || i == httpPort && o.noHost {
			continue
		}
		listener, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(p.number))
		if err != nil {
			return fmt.Errorf("port %d, for %s, is taken: stop what uses it, or choose another by %s=... or -%s, or take free ports for everything by PORT=0 (%w)",
				p.number, subject(i), p.variable, p.flag, err)
		}
		err = listener.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

func subject(port int) string {
	switch port {
	case httpPort:
		return "the form"
	case graphPort:
		return "the Graph stand-in"
	default:
		return "the storage emulator"
	}
}
