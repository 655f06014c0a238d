package central

import (
	"context"
	"testing"
	"testing/synctest"
)

func TestWorkshop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorkshop()
		ctx, cancel := context.WithCancel(t.Context())
		places := cap(w.places)
		var leaves []func()
		for range places {
			leave, err := w.enter(ctx, "ada")
			if err != nil {
				t.Fatal(err)
			}
			leaves = append(leaves, leave)
		}
		waiting := make(chan error, maxJobs)
		for range maxJobs - places {
			go func() {
				_, err := w.enter(ctx, "ada")
				waiting <- err
			}()
		}
		synctest.Wait()
		_, err := w.enter(ctx, "ada")
		want(t, "one too many", err, RateLimited)

		entered := make(chan func(), 1)
		go func() {
			leave, err := w.enter(t.Context(), "bob")
			if err != nil {
				t.Error(err)
			}
			entered <- leave
		}()
		synctest.Wait()
		if len(entered) != 0 {
			t.Error("there was a place for bob")
		}
		cancel() // ada's requests that wait end, those that run go on
		for range maxJobs - places {
			if err := <-waiting; err == nil {
				t.Error("a request that ended got a place")
			}
		}
		synctest.Wait()
		if len(entered) != 0 {
			t.Error("there was a place for bob")
		}
		leaves[0]()
		(<-entered)()
		for _, leave := range leaves[1:] {
			leave()
		}
		if len(w.places) != 0 || len(w.ofUser) != 0 {
			t.Errorf("%d places taken, %v", len(w.places), w.ofUser)
		}
	})
}
