package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/symbolon-auth/symbolon/audit"
	"github.com/symbolon-auth/symbolon/authn"
)

// walk plays the story against a fresh server in a directory of its own, and
// returns the first deviation. Like any client it knows only what came back over
// HTTP, and what the customer's telephone shows.
func walk(ctx context.Context, out io.Writer) error {
	dir, err := os.MkdirTemp("", "symbolon-crm-")
	if err != nil {
		return err
	}
	w := &walker{ctx: ctx, out: out, db: filepath.Join(dir, "crm.db"), telephone: make(chan authn.Message, 1)}
	w.start()
	w.story()
	w.stop()
	return errors.Join(w.err, os.RemoveAll(dir))
}

// The story's people are those of the demo data.
const (
	nora      = "cust-42"
	noraLine  = "/lines/+15550100/sim-changes"
	samisLine = "/lines/+15550200/sim-changes"
	newCard   = "8900000000000000777"
	otherCard = "8900000000000000666"
	lease     = 3 * time.Second // short, so that silence need not be waited for
)

func (w *walker) story() {
	// An employee, and a customer who is only claimed.
	mia := w.signIn("mia")
	call := w.ring("call-1", "mia", nora)
	hangUp := w.stayOnTheLine(call)
	w.step("mia looks up who calls, and sees a mask", 200, has{`"name":"N•••"`, not("Lindqvist")},
		request{"GET", "/customers/" + nora, mia, call, nil})
	w.step("a SIM change is refused: the customer must step up", 401, has{`insufficient_user_authentication`, `party="subject"`, `acr_values="phone-code"`},
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

	// What was proved for one operation counts for no other.
	w.step("that code was not for reading the record", 401, has{`party="subject"`},
		request{"GET", "/customers/" + nora, both, "", nil})
	challenge, code = w.challenge(mia, call, "customer.read")
	both = w.step("mia types the second code", 200, nil,
		request{"POST", challenge, mia, "", object{"code": code}}).text("token")
	read := request{"GET", "/customers/" + nora, both, "", nil}
	w.step("the whole record, with the new card in it", 200, has{"Nora Lindqvist", newCard}, read)

	// The end of a call, told and untold.
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

	// Guessing a password, and a restart in the middle of it.
	for n := range 5 {
		w.step(fmt.Sprintf("somebody guesses mia's password, %d of 5", n+1), 401, nil,
			request{"POST", "/sign-in", "", "", object{"login": w.person("mia").Login, "password": "tea with milk at five"}})
	}
	right := request{"POST", "/sign-in", "", "", object{"login": w.person("mia").Login, "password": w.person("mia").Password}}
	w.step("mia is locked out, even with the right one", 401, nil, right)
	ada := w.signIn("ada")
	w.stop()
	w.start()
	w.step("the lock is still there", 401, nil, right)
	w.step("mia may not unlock anybody: her session is open still", 403, nil,
		request{"POST", "/employees/tom/unlock", mia, "", object{"reason": "a favour"}})
	w.step("ada, a supervisor, unlocks her: her token outlived the restart", 204, nil,
		request{"POST", "/employees/mia/unlock", ada, "", object{"reason": "mia called from her desk, ticket 4711"}})
	w.step("mia is back", 200, has{`"who":"mia"`}, right)

	// Who did what for whom.
	w.step("mia may not read the audit", 403, nil, request{"GET", "/audit?subject=" + nora, mia, "", nil})
	w.audit("ada reads what happened for nora", request{"GET", "/audit?subject=" + nora, ada, "", nil}, []string{
		"interaction.opened succeeded exchange",
		"decision allowed mia customer.preview",
		"decision denied mia sim.change",
		"challenge.sent succeeded mia",
		"challenge.answered failed mia",
		"challenge.answered succeeded mia proved",
		"decision allowed mia proved sim.change",
		"act denied mia proved sim.change", // the other card
		"act begun mia proved sim.change",
		"act succeeded mia proved sim.change",
		"act denied mia proved sim.change", // the second time
		"decision denied mia proved sim.change",
		"decision denied mia proved customer.read",
		"challenge.sent succeeded mia",
		"challenge.answered succeeded mia proved",
		"decision allowed mia proved customer.read",
		"interaction.ended succeeded exchange",
		"interaction.opened succeeded exchange",
		"challenge.sent succeeded mia",
		"challenge.answered succeeded mia proved",
		"decision allowed mia proved customer.read",
	})
}

// walker plays steps until one deviates; after that they do nothing.
type walker struct {
	ctx context.Context
	out io.Writer
	err error
	n   int

	db        string
	client    client
	key       string // of the exchange
	telephone chan authn.Message
	stop      func()
}

// has is what a reply must contain. A text after not must be missing.
type has []string

func not(s string) string { return "\x00" + s }

func (h has) deviation(s string) string {
	for _, want := range h {
		if text, absent := strings.CutPrefix(want, "\x00"); absent == strings.Contains(s, text) {
			if absent {
				return "no " + text
			}
			return text
		}
	}
	return ""
}

// step sends a request and holds the reply to what is expected.
func (w *walker) step(say string, status int, want has, q request) reply {
	if w.err != nil {
		return reply{}
	}
	a, err := w.client.send(w.ctx, q)
	if err != nil {
		w.err = fmt.Errorf("step %d, %s: %s %s: %w", w.n+1, say, q.method, q.path, err)
		return reply{}
	}
	w.tell(say, fmt.Sprintf("%s %s %s -> %v", q.method, q.path, shown(q.body), a))
	if missing := want.deviation(a.String()); a.status != status || missing != "" {
		w.err = fmt.Errorf("step %d, %s: expected %d %s\ngot %v", w.n, say, status, missing, a)
		return reply{}
	}
	return a
}

func (w *walker) tell(say, what string) {
	w.n++
	fmt.Fprintf(w.out, "%2d  %-58s %s\n", w.n, say, shorten(what))
}

// long is what nobody wants to read whole: tokens, keys and drawn ids.
var long = regexp.MustCompile(`eyJ[\w.-]+|symkey[\w.-]+|\b[a-z.-]{0,5}[0-9]{0,2}[0-9a-v]{26}\b`)

func shorten(s string) string {
	s = long.ReplaceAllStringFunc(s, func(t string) string { return t[:5] + "…" + t[len(t)-3:] })
	if r := []rune(s); len(r) > 260 {
		return string(r[:260]) + "…"
	}
	return s
}

// shown is a body as it is printed: without a password, though it is a public one.
func shown(o object) string {
	if o == nil {
		return ""
	}
	if _, secret := o["password"]; secret {
		o = object{"login": o["login"], "password": "…"}
	}
	b, err := json.Marshal(o)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// start starts a server on the database, with engines of its own.
func (w *walker) start() {
	w.stop = func() {}
	if w.err != nil {
		return
	}
	sender := authn.SenderFunc(func(_ context.Context, m authn.Message) error { w.telephone <- m; return nil })
	s, err := open(w.ctx, Config{DB: w.db, Console: io.Discard, Sender: sender, Lease: lease})
	if err != nil {
		w.err = err
		return
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.err = errors.Join(err, s.close())
		return
	}
	k, err := readKeys(keysBeside(w.db)) // the exchange was given its key
	ctx, cancel := context.WithCancel(w.ctx)
	ended := make(chan error, 1)
	go func() { ended <- s.serve(ctx, l) }()
	w.err, w.key, w.client = err, k.Telephony, client{"http://" + l.Addr().String()}
	w.tell("a server starts", w.client.base)
	w.stop = sync.OnceFunc(func() {
		cancel()
		w.err = errors.Join(w.err, <-ended, s.close())
		w.tell("the server stops", "")
	})
}

// person returns somebody of the demo data, who knows their own password.
func (w *walker) person(id string) employee {
	people, err := readEmployees(demoData())
	if err != nil {
		w.err = errors.Join(w.err, err)
		return employee{}
	}
	for _, e := range people.all {
		if string(e.ID) == id {
			return e
		}
	}
	return employee{}
}

func (w *walker) signIn(id string) (token string) {
	p := w.person(id)
	return w.step(id+" signs in", 200, has{fmt.Sprintf(`"who":%q`, id)},
		request{"POST", "/sign-in", "", "", object{"login": p.Login, "password": p.Password}}).text("token")
}

func (w *walker) ring(id, agent, customer string) (call string) {
	return w.step("the exchange puts a call through to "+agent, 201, nil, opening(w.key, id, agent, customer)).text("interaction")
}

// stayOnTheLine renews a call in the background until the function that it
// returns is called.
func (w *walker) stayOnTheLine(call string) (hangUp func()) {
	if w.err != nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(w.ctx)
	ended := make(chan error, 1)
	go func() { ended <- w.client.stayOnTheLine(ctx, w.key, call, lease/10) }()
	return func() {
		cancel()
		w.err = errors.Join(w.err, <-ended)
	}
}

// challenge asks for a code and returns where to answer, and the code that the
// customer's telephone shows.
func (w *walker) challenge(token, call, operation string) (path, code string) {
	at := "/interactions/" + call + "/challenges"
	id := w.step("mia has a code sent for "+operation, 201, nil,
		request{"POST", at, token, "", object{"method": "sms", "operation": operation}}).text("challenge")
	if w.err != nil {
		return "", ""
	}
	select {
	case m := <-w.telephone:
		w.tell("nora's telephone shows it", m.Text())
		return at + "/" + id + "/answer", m.Code.Reveal()
	case <-time.After(10 * time.Second):
		w.err = errors.New("no code came to the telephone")
	case <-w.ctx.Done():
		w.err = w.ctx.Err()
	}
	return "", ""
}

// wrong is a code that is off by one.
func wrong(code string) string {
	if code == "" {
		return ""
	}
	last := len(code) - 1
	return code[:last] + string('0'+(code[last]-'0'+1)%10)
}

func (w *walker) wait(say string, d time.Duration) {
	if w.err != nil {
		return
	}
	w.tell(say, d.String())
	select {
	case <-time.After(d):
	case <-w.ctx.Done():
		w.err = w.ctx.Err()
	}
}

// audit holds the log to what happened, in its order.
func (w *walker) audit(say string, q request, want []string) {
	a := w.step(say, 200, nil, q)
	if w.err != nil {
		return
	}
	var page struct{ Records []audit.Record }
	if err := json.Unmarshal([]byte(a.body), &page); err != nil {
		w.err = err
		return
	}
	var got []string
	for _, r := range page.Records {
		s := []string{r.Event, string(r.Outcome), string(r.Actor)}
		if r.Proved {
			s = append(s, "proved")
		}
		if r.Action != "" {
			s = append(s, r.Action)
		}
		got = append(got, strings.Join(s, " "))
	}
	for _, line := range got {
		fmt.Fprintf(w.out, "    %s\n", line)
	}
	if g, e := strings.Join(got, "\n"), strings.Join(want, "\n"); g != e {
		w.err = fmt.Errorf("%s: expected\n%s\ngot\n%s", say, e, g)
	}
}
