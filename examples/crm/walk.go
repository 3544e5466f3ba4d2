package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http/cookiejar"
	"time"

	"github.com/symbolon-auth/symbolon/authn"
)

// walk plays the story against a fresh server, with a store of the engine of p
// that is made for it and removed, and returns the first deviation. Like any
// client it knows only what came back over HTTP, and what the customer's
// telephone shows.
func walk(ctx context.Context, out io.Writer, p place) error {
	p, remove, err := p.fresh(ctx)
	if err != nil {
		return err
	}
	w := &walker{ctx: ctx, out: out, place: p, telephone: make(chan authn.Message, 1)}
	w.start()
	w.story()
	w.stop()
	return errors.Join(w.err, remove())
}

// The story's people are those of the demo data.
const (
	nora       = "cust-42"
	noraLine   = "/lines/+15550100/sim-changes"
	barredLine = "/lines/+15550101/sim-changes"
	samisLine  = "/lines/+15550200/sim-changes"
	newCard    = "8900000000000000777"
	otherCard  = "8900000000000000666"
	lease      = 3 * time.Second // short, so that silence need not be waited for
)

func (w *walker) story() {
	// An employee, and a customer who is only claimed.
	laptop, err := cookiejar.New(nil)
	w.err = errors.Join(w.err, err)
	w.client.cookies = laptop
	mia := w.signIn("mia")
	w.client.cookies = nil
	call := w.ring("call-1", "mia", nora)
	hangUp := w.stayOnTheLine(call)
	w.step("mia looks up who calls, and sees a mask", 200, has{`"name":"N•••"`, not("Lindqvist")},
		request{"GET", "/customers/" + nora, mia, call, nil})
	unproved := has{`error="insufficient_user_authentication"`, `party="subject"`, `acr_values="phone-code"`}
	w.step("another customer's record stays shut, masked or not", 401, unproved,
		request{"GET", "/customers/cust-43", mia, call, nil})
	w.step("as does that of nobody, and mia cannot tell them apart", 401, unproved,
		request{"GET", "/customers/cust-0", mia, call, nil})
	w.step("a SIM change is refused: the customer must step up", 401, unproved,
		request{"POST", noraLine, mia, call, object{"iccid": newCard}})

	// The customer proves who they are; from now on the token speaks for both.
	challenge, code := w.challenge(mia, call, "sim.change")
	w.step("mia mishears it", 403, nil,
		request{"POST", challenge, mia, "", object{"code": wrong(code)}})
	both := w.step("mia types what nora reads out", 200, has{`"who":"mia for cust-42"`},
		request{"POST", challenge, mia, "", object{"code": code}}).text("token")

	// A sensitive change: once, with these parameters, for this customer.
	change := "/sim-changes/" + w.step("now the SIM change is granted", 201, has{`"expires_in":30`},
		request{"POST", noraLine, both, "", object{"iccid": newCard}}).text("id") + "/confirm"
	w.step("another card than the one decided on is refused", 403, nil,
		request{"POST", change, both, "", object{"iccid": otherCard}})
	w.step("the change is done", 200, has{newCard, `"for":"mia for cust-42"`},
		request{"POST", change, both, "", object{"iccid": newCard}})
	w.step("and cannot be done again", 403, nil,
		request{"POST", change, both, "", object{"iccid": newCard}})
	w.step("another customer's line is refused", 403, nil,
		request{"POST", samisLine, both, "", object{"iccid": newCard}})
	w.step("so is nora's other line, which is barred", 403, nil,
		request{"POST", barredLine, both, "", object{"iccid": newCard}})

	// What was proved for one operation counts for no other.
	w.step("that code was not for reading the record", 401, has{`party="subject"`},
		request{"GET", "/customers/" + nora, both, "", nil})
	challenge, code = w.challenge(mia, call, "customer.read")
	both = w.step("mia types the second code", 200, nil,
		request{"POST", challenge, mia, "", object{"code": code}}).text("token")
	read := request{"GET", "/customers/" + nora, both, "", nil}
	w.step("the whole record, with the new card in it", 200, has{"Nora Lindqvist", newCard}, read)

	// The end of a call, told and untold.
	w.wait("nora talks for longer than a lease, which is renewed", lease+lease/10)
	w.step("so her record is still open", 200, has{"Nora Lindqvist"}, read)
	hangUp()
	w.step("nora hangs up", 204, nil, ending(w.key, call))
	w.step("the same token is refused", 401, has{`error="invalid_token"`}, read)
	call = w.ring("call-2", "mia", nora)
	hangUp = w.stayOnTheLine(call)
	challenge, code = w.challenge(mia, call, "customer.read")
	read.bearer = w.step("nora proves it anew", 200, nil,
		request{"POST", challenge, mia, "", object{"code": code}}).text("token")
	w.step("and hears her record", 200, has{"Nora Lindqvist"}, read)
	hangUp()
	w.wait("the exchange falls silent", lease+lease/10)
	w.step("the lease has run out, the same token is refused", 401, has{`error="invalid_token"`}, read)

	// Guessing what the customer's telephone shows.
	ada := w.signIn("ada")
	call = w.ring("call-3", "mia", nora)
	hangUp = w.stayOnTheLine(call)
	challenge, code = w.challenge(mia, call, "customer.read")
	right := request{"POST", challenge, mia, "", object{"code": code}}
	for n := range 5 {
		w.step(fmt.Sprintf("somebody guesses nora's code, %d of 5", n+1), 403, nil,
			request{"POST", challenge, mia, "", object{"code": wrong(code)}})
	}
	w.step("nora's codes are locked, even the right one", 403, nil, right)
	unlock := request{"POST", "/customers/" + nora + "/unlock", mia, "", object{"method": "sms", "reason": "nora misread it, ticket 4710"}}
	w.step("mia, who typed them, may not unlock", 403, nil, unlock)
	unlock.bearer = ada
	w.step("but ada does, a supervisor", 204, nil, unlock)
	read.bearer = w.step("nora's code counts again", 200, has{`"who":"mia for cust-42"`}, right).text("token")
	w.step("and she hears her record", 200, has{"Nora Lindqvist"}, read)
	hangUp()
	w.step("nora hangs up", 204, nil, ending(w.key, call))

	// Guessing a password, and a restart in the middle of it.
	for n := range 5 {
		w.step(fmt.Sprintf("somebody guesses mia's password, %d of 5", n+1), 401, nil,
			request{"POST", "/sign-in", "", "", object{"login": w.person("mia").Login, "password": "tea with milk at five"}})
	}
	right = request{"POST", "/sign-in", "", "", object{"login": w.person("mia").Login, "password": w.person("mia").Password}}
	w.step("from any other desk mia is locked out, even with the right one", 401, nil, right)
	w.stop()
	w.start()
	w.step("the lock is still there", 401, nil, right)
	w.client.cookies = laptop
	w.step("but mia's own laptop is known, and she comes in", 200, has{`"who":"mia"`}, right)
	w.client.cookies = nil
	w.step("the audit is there too, which ada's token still opens", 200, has{`"event":"account.locked"`},
		request{"GET", "/audit?actor=mia", ada, "", nil})
	w.step("mia's open session does not let her unlock anybody", 403, nil,
		request{"POST", "/employees/tom/unlock", mia, "", object{"reason": "a favour"}})
	w.step("nor may ada, a supervisor, unlock herself", 403, nil,
		request{"POST", "/employees/ada/unlock", ada, "", object{"reason": "just in case"}})
	w.step("but ada unlocks mia", 204, nil,
		request{"POST", "/employees/mia/unlock", ada, "", object{"reason": "mia called from her desk, ticket 4711"}})
	mia = w.step("mia is back", 200, has{`"who":"mia"`}, right).text("token")

	// A stolen laptop.
	held := request{"POST", "/employees/mia/hold", mia, "", object{"reason": "mia's laptop was stolen, ticket 4712"}}
	w.step("mia may not hold anybody, not even herself", 403, nil, held)
	held.bearer = ada
	w.step("but ada holds mia's account", 204, nil, held)
	w.step("who has the laptop is signed out", 401, has{`error="invalid_token"`}, request{"POST", "/sign-out", mia, "", nil})
	w.step("and comes in by no password", 401, nil, right)
	w.step("until ada has seen mia", 204, nil,
		request{"POST", "/employees/mia/unlock", ada, "", object{"reason": "mia is here, with another laptop, ticket 4712"}})
	mia = w.step("mia is back again", 200, has{`"who":"mia"`}, right).text("token")

	// Who did what for whom.
	w.step("mia may not read the audit", 403, nil, request{"GET", "/audit?subject=" + nora, mia, "", nil})
	w.audit("ada reads what happened for nora", request{"GET", "/audit?subject=" + nora, ada, "", nil}, []string{
		"interaction.opened succeeded: exchange with cust-42",
		"decision allowed: mia with cust-42, customer.preview (actor/care-serves-customers subject/caller-may-be-greeted)",
		"decision denied: mia with cust-42, customer.preview", // sami's record
		"decision denied: mia with cust-42, customer.preview", // nobody's
		"decision denied: mia with cust-42, sim.change",
		"challenge.sent succeeded: mia with cust-42",
		"challenge.answered failed: mia with cust-42",
		"challenge.answered succeeded: mia for cust-42",
		"decision allowed: mia for cust-42, sim.change (actor/care-serves-customers subject/owner-changes-sim)",
		"act denied: mia for cust-42, sim.change", // the other card
		"act begun: mia for cust-42, sim.change",
		"act succeeded: mia for cust-42, sim.change",
		"act denied: mia for cust-42, sim.change",      // the second time
		"decision denied: mia for cust-42, sim.change", // sami's line
		"decision denied: mia for cust-42, sim.change (subject/barred-line-stays)",
		"decision denied: mia for cust-42, customer.read",
		"challenge.sent succeeded: mia with cust-42",
		"challenge.answered succeeded: mia for cust-42",
		"decision allowed: mia for cust-42, customer.read (actor/care-serves-customers subject/proved-customer-hears-their-record)",
		"decision allowed: mia for cust-42, customer.read (actor/care-serves-customers subject/proved-customer-hears-their-record)",
		"interaction.ended succeeded: exchange with cust-42",
		"interaction.opened succeeded: exchange with cust-42",
		"challenge.sent succeeded: mia with cust-42",
		"challenge.answered succeeded: mia for cust-42",
		"decision allowed: mia for cust-42, customer.read (actor/care-serves-customers subject/proved-customer-hears-their-record)",
		"interaction.opened succeeded: exchange with cust-42",
		"challenge.sent succeeded: mia with cust-42",
		"challenge.answered failed: mia with cust-42",
		"challenge.answered failed: mia with cust-42",
		"challenge.answered failed: mia with cust-42",
		"challenge.answered failed: mia with cust-42",
		"challenge.answered failed: mia with cust-42",
		"customer.locked succeeded: mia with cust-42",
		"challenge.answered failed: mia with cust-42", // the right code, unseen
		"customer.unlocked succeeded: ada with cust-42",
		"challenge.answered succeeded: mia for cust-42",
		"decision allowed: mia for cust-42, customer.read (actor/care-serves-customers subject/proved-customer-hears-their-record)",
		"interaction.ended succeeded: exchange with cust-42",
	})
	w.step("mia signs out", 204, nil, request{"POST", "/sign-out", mia, "", nil})
	w.step("and her token with her", 401, has{`error="invalid_token"`}, request{"POST", "/sign-out", mia, "", nil})
}
