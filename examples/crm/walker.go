package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/symbolon-auth/symbolon/audit"
	"github.com/symbolon-auth/symbolon/authn"
)

// walker plays steps until one deviates; after that they do nothing.
type walker struct {
	ctx context.Context
	out io.Writer
	err error
	n   int

	place     place
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
		w.err = fmt.Errorf("step %d, %s: expected %d %s\ngot %s", w.n, say, status, missing, shorten(a.String()))
		return reply{}
	}
	return a
}

// long is what nobody wants to read whole: tokens, keys and drawn ids.
var long = regexp.MustCompile(`eyJ[\w.-]+|symkey[\w.-]+|\b[a-z.-]{0,5}[0-9]{0,2}[0-9a-v]{26}\b`)

func shorten(s string) string {
	return long.ReplaceAllStringFunc(s, func(t string) string { return t[:5] + "…" + t[len(t)-3:] })
}

// tell prints a step, in one line of a length that can be read.
func (w *walker) tell(say, what string) {
	w.n++
	r := []rune(shorten(what))
	if len(r) > 260 {
		r = append(r[:260], '…')
	}
	fmt.Fprintf(w.out, "%2d  %-62s %s\n", w.n, say, string(r))
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
	s, err := open(w.ctx, config{Place: w.place, Console: io.Discard, Sender: authn.SenderFunc(w.deliver), Lease: lease})
	if err != nil {
		w.err = err
		return
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.err = errors.Join(err, s.letGo())
		return
	}
	k, err := readKeys(w.place.keys()) // the exchange was given its key
	ctx, cancel := context.WithCancel(w.ctx)
	ended := make(chan error, 1)
	go func() { ended <- s.serve(ctx, l) }()
	w.err, w.key, w.client = err, k.Telephony, client{base: "http://" + l.Addr().String()}
	w.tell("a server starts", w.client.base+", data: "+w.place.String())
	w.stop = sync.OnceFunc(func() {
		cancel()
		w.err = errors.Join(w.err, <-ended, s.letGo())
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
	m := w.message(id)
	if w.err == nil {
		w.tell("nora's telephone shows it", m.Text())
	}
	return at + "/" + id + "/answer", m.Code.Reveal()
}

// deliver is the customer's telephone, an [authn.Sender].
func (w *walker) deliver(ctx context.Context, m authn.Message) error {
	select {
	case w.telephone <- m:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// message waits for the message of a challenge. One of another may come before
// it, since a message is sent again if nobody recorded that it was sent.
func (w *walker) message(challenge string) authn.Message {
	late := time.After(10 * time.Second)
	for {
		select {
		case m := <-w.telephone:
			if m.ID == challenge {
				return m
			}
		case <-late:
			w.err = errors.New("no code came to the telephone")
			return authn.Message{}
		case <-w.ctx.Done():
			w.err = w.ctx.Err()
			return authn.Message{}
		}
	}
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
	slices.SortStableFunc(page.Records, func(a, b audit.Record) int { // those of one commit have one time
		return cmp.Or(a.Time.Compare(b.Time), strings.Compare(a.Event, b.Event))
	})
	var got []string
	for _, r := range page.Records {
		got = append(got, summary(r))
	}
	for _, line := range got {
		fmt.Fprintf(w.out, "    %s\n", line)
	}
	if g, e := strings.Join(got, "\n"), strings.Join(want, "\n"); g != e {
		w.err = fmt.Errorf("%s: expected\n%s\ngot\n%s", say, e, g)
	}
}

// summary is a record in a line: what, by whom, with a customer who is claimed
// or for one who proved it, and which policies settled it.
func summary(r audit.Record) string {
	link := "with"
	if r.Proved {
		link = "for"
	}
	s := fmt.Sprintf("%s %s: %s %s %s", r.Event, r.Outcome, r.Actor, link, r.Subject)
	if r.Action != "" {
		s += ", " + r.Action
	}
	if r.Policies != nil {
		s += " (" + strings.Join(r.Policies, " ") + ")"
	}
	return s
}
