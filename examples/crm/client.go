package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// client speaks to a server as the desktop of an employee, or the exchange, does.
type client struct {
	base    string
	cookies http.CookieJar // of one desktop; nil keeps none
}

// request is what a client sends.
type request struct {
	method, path string
	bearer       string // a token, or a service key
	call         string // the header Interaction
	body         object
}

// reply is what came back.
type reply struct {
	status    int
	challenge string // the header WWW-Authenticate
	body      string
}

func (c client) send(ctx context.Context, q request) (reply, error) {
	var body io.Reader
	if q.body != nil {
		b, err := json.Marshal(q.body)
		if err != nil {
			return reply{}, err
		}
		body = bytes.NewReader(b)
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, q.method, c.base+q.path, body)
	if err != nil {
		return reply{}, err
	}
	if q.bearer != "" {
		r.Header.Set("Authorization", "Bearer "+q.bearer)
	}
	if q.call != "" {
		r.Header.Set(callHeader, q.call)
	}
	a, err := (&http.Client{Jar: c.cookies}).Do(r)
	if err != nil {
		return reply{}, err
	}
	defer a.Body.Close()
	text, err := io.ReadAll(io.LimitReader(a.Body, 1<<20))
	return reply{a.StatusCode, a.Header.Get("WWW-Authenticate"), strings.TrimSpace(string(text))}, err
}

// text returns a member of the reply's JSON object.
func (a reply) text(member string) string {
	var o map[string]any
	if json.Unmarshal([]byte(a.body), &o) != nil {
		return ""
	}
	s, _ := o[member].(string)
	return s
}

func (a reply) String() string {
	s := fmt.Sprint(a.status)
	if a.challenge != "" {
		s += " " + a.challenge
	}
	if a.body != "" {
		s += " " + a.body
	}
	return s
}

// opening, renewal and ending are what an exchange says of a call.

func opening(key, id, agent, customer string) request {
	return request{"POST", "/calls", key, "", object{"id": id, "channel": "phone", "agent": agent, "subject": customer}}
}

func renewal(key, call string) request {
	return request{"POST", "/calls/" + call + "/renew", key, "", nil}
}

func ending(key, call string) request { return request{"DELETE", "/calls/" + call, key, "", nil} }

// stayOnTheLine renews a call until ctx ends.
func (c client) stayOnTheLine(ctx context.Context, key, call string, every time.Duration) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		a, err := c.send(ctx, renewal(key, call))
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		case a.status != http.StatusNoContent:
			return fmt.Errorf("the call could not be renewed: %v", a)
		}
	}
}

// ring is an exchange with one call, for whoever tries the server by hand.
func ring(ctx context.Context, out io.Writer, base, keyFile, who string) error {
	agent, customer, ok := strings.Cut(who, ":")
	if !ok || agent == "" || customer == "" {
		return fmt.Errorf("-ring %q: want EMPLOYEE:CUSTOMER, such as mia:cust-42", who)
	}
	k, err := readKeys(keyFile)
	if err != nil {
		return fmt.Errorf("-ring: start the server first: %w", err)
	}
	c := client{base: base}
	a, err := c.send(ctx, opening(k.Telephony, fmt.Sprintf("call-%d", time.Now().UnixNano()), agent, customer))
	switch {
	case err != nil:
		return fmt.Errorf("-ring: start the server first: %w", err)
	case a.status == http.StatusUnauthorized:
		return fmt.Errorf("-ring: the server at %s does not know the key in %s: start both with the same -store and -db", base, keyFile)
	case a.status != http.StatusCreated:
		return fmt.Errorf("-ring %s: %s", who, cmp.Or(a.text("error_description"), a.String()))
	}
	call := a.text("interaction")
	fmt.Fprintf(out, "Somebody who says to be %s is through to %s. Interrupt to hang up.\n%s: %s\n", customer, agent, callHeader, call)
	err = c.stayOnTheLine(ctx, k.Telephony, call, 10*time.Second)
	_, hangUp := c.send(context.WithoutCancel(ctx), ending(k.Telephony, call))
	return cmp.Or(err, hangUp)
}
