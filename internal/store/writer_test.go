package store

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"sync"
	"testing"

	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/zt"
)

// fillBatch starts callers while the writer is kept busy, so that they share
// one commit, and waits for them.
func fillBatch(t *testing.T, s *Store, callers int, call func(i int)) {
	t.Helper()
	var all sync.WaitGroup
	s.writing.Lock() // holds the writer back before its transaction begins
	for i := range callers {
		all.Go(func() { call(i) })
	}
	s.writing.Unlock()
	all.Wait()
}

func TestOneOfManyFails(t *testing.T) {
	s := openWithNetwork(t)
	errMine := errors.New("mine")
	const callers = 300
	results := make([]error, callers)
	panics := make([]any, callers)
	fillBatch(t, s, callers, func(i int) {
		defer func() { panics[i] = recover() }()
		results[i] = s.Update(t.Context(), func(tx *Tx) error {
			if err := tx.SetMeta(strconv.Itoa(i), "stored"); err != nil {
				return err
			}
			switch i % 10 {
			case 3:
				return errMine
			case 5:
				panic("mine too")
			case 7: // a database error that fn hides
				_ = tx.PutMember(model.NewMember(testNetwork+1, testNode, 1))
			}
			return nil
		})
	})
	for i := range callers {
		value, err := s.Meta(t.Context(), strconv.Itoa(i))
		if err != nil {
			t.Fatal(err)
		}
		wantStored := i%10 != 3 && i%10 != 5 && i%10 != 7
		if stored := value == "stored"; stored != wantStored {
			t.Errorf("%d: stored is %v", i, stored)
		}
		switch i % 10 {
		case 3:
			if results[i] != errMine {
				t.Errorf("%d: %v", i, results[i])
			}
		case 5:
			if panics[i] != "mine too" {
				t.Errorf("%d: panic %v", i, panics[i])
			}
		case 7:
			if results[i] == nil {
				t.Errorf("%d: the hidden error did not come back", i)
			}
		default:
			if results[i] != nil || panics[i] != nil {
				t.Errorf("%d: %v, panic %v", i, results[i], panics[i])
			}
		}
	}
}

// A goroutine that ends inside an update must not take the writer with it.
func TestGoexitInsideUpdate(t *testing.T) {
	s := openWithNetwork(t)
	var one sync.WaitGroup
	one.Go(func() {
		_ = s.Update(context.Background(), func(tx *Tx) error {
			_ = tx.SetMeta("a", "1")
			new(testing.T).SkipNow()
			return nil
		})
	})
	one.Wait()
	if value, err := s.Meta(t.Context(), "a"); err != nil || value != "" {
		t.Errorf("stored %q, %v", value, err)
	}
	change(t, s, func(tx *Tx) error { return tx.SetMeta("a", "2") })
}

func TestFailedCommitReachesTheWholeBatch(t *testing.T) {
	s := openWithNetwork(t)
	// A deferred reference is checked at the commit, which is the only way to
	// make one fail from outside.
	change(t, s, func(tx *Tx) error {
		_, err := tx.exec("", "CREATE TABLE poison (a TEXT REFERENCES users (id) DEFERRABLE INITIALLY DEFERRED)")
		return err
	})
	const callers = 50
	results := make([]error, callers)
	changed := s.Changed()
	fillBatch(t, s, callers, func(i int) {
		results[i] = s.Update(t.Context(), func(tx *Tx) error {
			if err := tx.SetMeta(strconv.Itoa(i), "stored"); err != nil {
				return err
			}
			// The deferred reference is broken in every update, as some of them
			// may be first in a batch of their own.
			_, err := tx.exec("", "INSERT INTO poison VALUES ('nobody')")
			return errors.Join(err, tx.AppendEvent(&model.Event{Kind: model.MemberUpdated}))
		})
	})
	for i, err := range results {
		if err == nil {
			t.Errorf("%d was acknowledged", i)
		}
		if value, err := s.Meta(t.Context(), strconv.Itoa(i)); err != nil || value != "" {
			t.Errorf("%d is stored: %q, %v", i, value, err)
		}
	}
	select {
	case <-changed:
		t.Error("readers were woken for nothing")
	default:
	}
	change(t, s, func(tx *Tx) error { return tx.SetMeta("after", "1") })
}

func TestCancelledBeforeItsTurn(t *testing.T) {
	s := openWithNetwork(t)
	ctx, cancel := context.WithCancel(t.Context())
	s.writing.Lock()
	result := make(chan error)
	go func() {
		result <- s.Update(ctx, func(*Tx) error { t.Error("ran"); return nil })
	}()
	cancel()
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	s.writing.Unlock()
	change(t, s, func(tx *Tx) error { return tx.SetMeta("a", "1") })

	// Cancelled during its turn an update is stored all the same.
	ctx, cancel = context.WithCancel(t.Context())
	err := s.Update(ctx, func(tx *Tx) error {
		cancel()
		return tx.SetMeta("a", "2")
	})
	if value, _ := s.Meta(t.Context(), "a"); err != nil || value != "2" {
		t.Errorf("stored %q, %v", value, err)
	}
}

func TestTransactionEndsWithItsTurn(t *testing.T) {
	s := openWithNetwork(t)
	var kept *Tx
	change(t, s, func(tx *Tx) error { kept = tx; return nil })
	if err := kept.SetMeta("a", "1"); err == nil {
		t.Error("a kept transaction still writes")
	}
	if _, err := kept.Network(testNetwork); err == nil {
		t.Error("a kept transaction still reads")
	}
}

func TestUpdatesSeeEachOther(t *testing.T) {
	s := openWithNetwork(t)
	const callers = 1000
	fillBatch(t, s, callers, func(int) {
		err := s.Update(t.Context(), func(tx *Tx) error {
			text, err := tx.Meta("count")
			if err != nil {
				return err
			}
			count, _ := strconv.Atoi(text)
			return tx.SetMeta("count", strconv.Itoa(count+1))
		})
		if err != nil {
			t.Error(err)
		}
	})
	if value, err := s.Meta(t.Context(), "count"); err != nil || value != strconv.Itoa(callers) {
		t.Errorf("counted %q, %v", value, err)
	}
}

func TestAddressesAreGivenOnce(t *testing.T) {
	s := openWithNetwork(t)
	const nodes, addresses = 40, 25
	var mu sync.Mutex
	holders := make(map[netip.Addr][]zt.Address)
	fillBatch(t, s, nodes, func(i int) {
		node := testNode + zt.Address(i)
		for j := range addresses { // everyone wants each
			address := netip.AddrFrom4([4]byte{10, 9, 0, byte(j)})
			err := s.Update(t.Context(), func(tx *Tx) error { return tx.GiveAddress(testNetwork, node, address) })
			switch {
			case err == nil:
				mu.Lock()
				holders[address] = append(holders[address], node)
				mu.Unlock()
			case !errors.Is(err, ErrAddressTaken):
				t.Error(err)
			}
		}
	})
	if len(holders) != addresses {
		t.Errorf("%d addresses were given", len(holders))
	}
	err := s.Addresses(t.Context(), testNetwork, func(a netip.Addr, node zt.Address) error {
		if given := holders[a]; len(given) != 1 || given[0] != node {
			return fmt.Errorf("%s is stored for %s, was given to %v", a, node, given)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	// The index judges even without the look before the leap.
	err = s.Update(t.Context(), func(tx *Tx) error {
		_, err := tx.exec("", "INSERT INTO member_addresses (network, node, address, automatic) VALUES ($1, $2, $3, $4)",
			testNetwork.String(), "fffffffffe", "10.9.0.1", true)
		return err
	})
	if err == nil {
		t.Error("the unique index is missing")
	}
}

func TestCloseWaitsForUpdates(t *testing.T) {
	s := openWithNetwork(t)
	const callers = 100
	var all sync.WaitGroup
	var acknowledged sync.Map
	for i := range callers {
		all.Go(func() {
			err := s.Update(context.Background(), func(tx *Tx) error { return tx.SetMeta(strconv.Itoa(i), "stored") })
			if err == nil {
				acknowledged.Store(i, true)
			} else if !errors.Is(err, ErrClosed) {
				t.Error(err)
			}
		})
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	all.Wait()
	again := open(t, s.path)
	acknowledged.Range(func(i, _ any) bool {
		if value, err := again.Meta(t.Context(), strconv.Itoa(i.(int))); err != nil || value != "stored" {
			t.Errorf("%d was acknowledged and is lost", i)
		}
		return true
	})
}
