// Package authntest makes Principals for the tests of a host's own code.
//
// Most tests call [Principal] with what they want to be proved. It is a real
// one, live in the realm's store and sealed like any other, so whatever takes a
// Principal takes it. Nothing here works outside of a test binary.
package authntest

import (
	"cmp"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/internal/seal"
	"github.com/symbolon-auth/symbolon/internal/stamp"
	"github.com/symbolon-auth/symbolon/internal/table"
)

// Who says whom a Principal is to be made of. The directories of the realm must
// know them.
type Who struct {
	Actor        symbolon.ActorID
	ActorMethods []symbolon.Method // a password if nil

	Subject        symbolon.SubjectID // the customer of an interaction; none if empty
	SubjectMethods []symbolon.Method  // what they proved; only claimed if nil
	For            string             // the one operation for which it counts; all if empty
	Channel        string             // "phone" if empty

	Age time.Duration // how long ago it was all proved
}

// Life is how long what Principal makes stays live.
const Life = time.Hour

// Principal returns a live Principal. It panics unless it runs in a test
// binary (S17), and fails the test if the realm cannot have such a Principal.
func Principal(t testing.TB, r *symbolon.Realm, w Who) symbolon.Principal {
	if !testing.Testing() {
		panic("authntest: a Principal without proof exists only in tests")
	}
	t.Helper()
	p, err := principal(r, w)
	if err != nil {
		t.Fatalf("authntest: %v", err)
	}
	return p
}

func principal(r *symbolon.Realm, w Who) (symbolon.Principal, error) {
	ctx := context.Background()
	parts := r.Parts(seal.Ours())
	space := table.New(parts.Store, parts.Tenant, parts.Now, parts.Rand)
	actor, err := parts.Actor(ctx, w.Actor)
	if err != nil {
		return symbolon.Principal{}, err
	}
	now := parts.Now().Truncate(time.Second)
	at := now.Add(-w.Age)
	id, err := table.NewID(parts.Rand, "test-")
	if err != nil {
		return symbolon.Principal{}, err
	}
	f := symbolon.Facts{
		Actor:      actor,
		ActorProof: proved(orElse(w.ActorMethods, symbolon.MethodPassword), at, "", ""),
		Limits:     symbolon.Limits{NotAfter: now.Add(Life)},
		Stamps:     seal.Stamps{Actor: string(actor.ID), Session: "s/" + id},
	}
	shard, names := stamp.Actor(f.Stamps)
	_, err = space.Update(ctx, shard, names, func(tx *table.Tx) error {
		if f.Stamps.ActorEpoch, err = epoch(tx, names[0]); err != nil {
			return err
		}
		return table.Put(tx, names[1], session{at, now, now.Add(Life), int64(Life / time.Second)}, now.Add(Life))
	})
	if err != nil || w.Subject == "" {
		return seals(r, f, err)
	}
	subject, err := parts.Subject(ctx, w.Subject)
	if err != nil {
		return symbolon.Principal{}, err
	}
	shard = table.ShardOf("subject", string(subject.ID))
	call, err := table.NewID(parts.Rand, "i"+shard.String())
	if err != nil {
		return symbolon.Principal{}, err
	}
	f.Claimed = &subject
	f.Interaction = symbolon.Interaction{ID: symbolon.InteractionID(call), Channel: cmp.Or(w.Channel, "phone"), Opened: at}
	f.Stamps.Subject, f.Stamps.Interaction, f.Stamps.Leg = string(subject.ID), call, 1
	if w.SubjectMethods != nil {
		f.Proved, f.Stamps.Verification = true, id
		f.SubjectProof = proved(w.SubjectMethods, at, f.Interaction.ID, w.For)
	}
	_, names = stamp.Subject(f.Stamps)
	_, err = space.Update(ctx, shard, names, func(tx *table.Tx) error {
		if f.Stamps.SubjectEpoch, err = epoch(tx, names[0]); err != nil {
			return err
		}
		return table.Put(tx, names[1], interaction{stamp.Interaction{Subject: string(subject.ID), Holder: string(actor.ID), Leg: 1,
			Lease: now.Add(Life), End: now.Add(Life), Verification: f.Stamps.Verification}, "authntest", f.Interaction.Channel, at}, time.Time{})
	})
	return seals(r, f, err)
}

// session and interaction are what authn reads of its records.
type session struct {
	Opened time.Time `json:"opened"`
	Seen   time.Time `json:"seen"`
	End    time.Time `json:"end"`
	Idle   int64     `json:"idle"`
}

type interaction struct {
	stamp.Interaction
	Service string    `json:"service"`
	Channel string    `json:"channel"`
	Opened  time.Time `json:"opened"`
}

func seals(r *symbolon.Realm, f symbolon.Facts, err error) (symbolon.Principal, error) {
	if err != nil {
		return symbolon.Principal{}, fmt.Errorf("store: %w", err)
	}
	return symbolon.Seal(seal.Ours(), r, f)
}

func epoch(tx *table.Tx, name string) (uint64, error) {
	p, ok, err := table.Get[stamp.Party](tx.View, name)
	if err != nil || ok {
		return p.Epoch, err
	}
	p = p.Next(tx.Now())
	return p.Epoch, table.Put(tx, name, p, time.Time{})
}

func proved(methods []symbolon.Method, at time.Time, in symbolon.InteractionID, operation string) symbolon.Verification {
	var v symbolon.Verification
	for _, m := range methods {
		v = v.With(symbolon.Proof{Method: m, At: at, Interaction: in, For: operation})
	}
	return v
}

func orElse[T any](list []T, def T) []T {
	if list == nil {
		return []T{def}
	}
	return list
}
