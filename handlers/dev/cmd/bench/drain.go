package main

import (
	"errors"
	"fmt"
	"time"

	"guestlist/handlers/dev/graphsim"
	"guestlist/handlers/dev/simulation"
)

// drains measures how close to Graph's limits the worker drains a full queue. The clock is
// simulated, because it would take half an hour, and so are the storage, the queue and the
// directory, with the latencies given here. The worker, its pace and the state that instances
// share are real.
func drains() error {
	simulator, err := simulation.NewSimulator()
	if err != nil {
		return err
	}
	load := simulation.Load{
		SignUps:        5000,
		Limits:         graphsim.SmallTenant,
		StorageLatency: 8 * time.Millisecond, LookUpLatency: 80 * time.Millisecond, InviteLatency: 300 * time.Millisecond, JoinLatency: 120 * time.Millisecond,
		BatchSize: 8, NewBatchThreshold: 4,
	}
	fmt.Printf("on a simulated clock: %d queued sign-ups with a group each, %d writes in 150 s allowed and all of them used before;\n"+
		"a table answers in %v, Graph in %v (look-up), %v (invitation) and %v (group)\n",
		load.SignUps, load.Limits.WritesPer150s, load.StorageLatency, load.LookUpLatency, load.InviteLatency, load.JoinLatency)
	for _, instances := range []int{1, 2, 4} {
		load.Instances = instances
		drained := simulator.Drain(load)
		if drained.Breach != "" {
			return errors.New(drained.Breach)
		}
		figure(fmt.Sprintf("a full queue, %d instances", instances),
			"%.1f %% of the permitted rate (at least 95), %.2f %% of answers 429 (under 2), %.1f storage operations a guest, %v for 99 of 100",
			100*drained.Rate, 100*drained.Refused, drained.Transactions, drained.Most.Round(time.Second))
	}
	return nil
}
