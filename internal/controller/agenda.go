package controller

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

// agenda runs small functions at set times, one after the other, in the
// goroutine that calls run. Functions must not block.
type agenda struct {
	now  func() time.Time
	wake chan struct{}

	mu    sync.Mutex
	items agendaHeap
}

func newAgenda(now func() time.Time) *agenda {
	return &agenda{now: now, wake: make(chan struct{}, 1)}
}

type agendaItem struct {
	at time.Time
	do func()
}

// after calls do once the delay has passed. It may be called from do itself.
func (a *agenda) after(delay time.Duration, do func()) {
	a.mu.Lock()
	at := a.now().Add(delay)
	heap.Push(&a.items, agendaItem{at, do})
	first := a.items[0].at.Equal(at)
	a.mu.Unlock()
	if first {
		select {
		case a.wake <- struct{}{}:
		default:
		}
	}
}

// waiting is the number of functions that are not due yet.
func (a *agenda) waiting() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.items)
}

// run returns when ctx ends; what is not due by then is dropped.
func (a *agenda) run(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		do, wait := a.next()
		if do != nil {
			do()
			continue
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
			return
		case <-a.wake:
		case <-timer.C:
		}
	}
}

// next takes the first function that is due, or says how long to wait for one.
func (a *agenda) next() (do func(), wait time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.items) == 0 {
		return nil, time.Hour
	}
	if wait := a.items[0].at.Sub(a.now()); wait > 0 {
		return nil, wait
	}
	return heap.Pop(&a.items).(agendaItem).do, 0
}

type agendaHeap []agendaItem

func (h agendaHeap) Len() int           { return len(h) }
func (h agendaHeap) Less(i, j int) bool { return h[i].at.Before(h[j].at) }
func (h agendaHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *agendaHeap) Push(x any)        { *h = append(*h, x.(agendaItem)) }
func (h *agendaHeap) Pop() any {
	old := *h
	item := old[len(old)-1]
	old[len(old)-1] = agendaItem{}
	*h = old[:len(old)-1]
	return item
}
