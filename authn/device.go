package authn

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/internal/stamp"
	"github.com/symbolon-auth/symbolon/internal/table"
)

// Device is what the device of an employee keeps, such as in a cookie that
// scripts cannot read, to be known again at the next sign-in. It signs nobody
// in: whoever steals it may guess at one password, as often as anybody, beside
// the strangers. It neither prints nor marshals.
type Device struct{ hidden }

// DeviceFromString takes a Device that was revealed before, as it came with the
// request. Whether it is one at all shows at the sign-in, and not outside.
func DeviceFromString(s string) Device { return Device{hide(s)} }

const (
	deviceKind  = "symdev"            // so that scanners for leaked secrets can recognise one
	deviceLife  = 90 * 24 * time.Hour // after which it is a stranger's
	deviceFresh = 15 * time.Minute    // a session that was stolen later remembers no thief
)

// Remember returns what makes the device of an employee who has just signed in
// with a password known, for [Actors.SignInFrom]. It ends after 90 days, and with
// every session: when the password changes, is reset or revoked, on a hold, and by
// [Host.EndSessions] after a loss (S24). Nothing is stored.
func (a *Actors) Remember(ctx context.Context, p symbolon.Principal) (Device, error) {
	f, err := a.live(ctx, p)
	if err != nil {
		return Device{}, err
	}
	i := slices.IndexFunc(f.ActorProof.Proofs, func(p symbolon.Proof) bool { return p.Method == symbolon.MethodPassword })
	if i < 0 || !a.parts.Now().Before(f.ActorProof.Proofs[i].At.Add(deviceFresh)) {
		return Device{}, invalid("principal", fmt.Sprintf("has not given a password within %v: remember a device right after the sign-in", deviceFresh))
	}
	return DeviceFromString(tagged(a.devices, deviceKind, b64.EncodeToString([]byte(f.Actor.ID)), strconv.FormatUint(f.Stamps.ActorEpoch, 10),
		strconv.FormatInt(a.parts.Now().Add(deviceLife).Unix(), 10))), nil
}

// SignInFrom is [Actors.SignIn] from a device that may be known. Guesses from
// known devices of an account have limits of their own: strangers who lock the
// account do not keep its owner out (LK-10). A hold closes both ways. A Device
// that is not the account's, or not any more, is a stranger's, and nobody can tell.
func (a *Actors) SignInFrom(ctx context.Context, d Device, login, pw string) (symbolon.Principal, error) {
	return a.signIn(ctx, d, login, pw)
}

// known returns what tells, by the account's stamp, whether a Device is of the
// account and has not ended; nil for one that is not.
func (a *Actors) known(acc account, d Device) func(*table.View) bool {
	part := untagged(a.devices, d.Reveal())
	if len(part) != 4 || part[0] != deviceKind || acc.phantom {
		return nil
	}
	owner, err1 := b64.DecodeString(part[1])
	epoch, err2 := strconv.ParseUint(part[2], 10, 64)
	end, err3 := strconv.ParseInt(part[3], 10, 64)
	if err1 != nil || err2 != nil || err3 != nil || symbolon.ActorID(owner) != acc.actor.ID || !a.parts.Now().Before(time.Unix(end, 0)) {
		return nil
	}
	return func(v *table.View) bool {
		party, ok, err := table.Get[stamp.Party](v, acc.name("stamp"))
		return err == nil && ok && party.Epoch == epoch
	}
}
