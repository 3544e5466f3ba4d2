package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/audit"
	"github.com/symbolon-auth/symbolon/authn"
	"github.com/symbolon-auth/symbolon/authz"
	"github.com/symbolon-auth/symbolon/authz/httpauth"
	"github.com/symbolon-auth/symbolon/token"
)

// tenant names this installation's data in a store that others use too.
const tenant = "demo"

// config is what a server needs, and what it may be told.
type config struct {
	Place   place         // where the data lies
	Console io.Writer     // where codes are printed
	Demo    fs.FS         // employees.json and customers.json; the embedded ones if nil
	Sender  authn.Sender  // in place of the console
	Lease   time.Duration // how long a call lives without a sign of life; the library's default if zero
}

// server is the engines, and the host's own data.
type server struct {
	stores

	realm    *symbolon.Realm
	actors   *authn.Actors
	subjects *authn.Subjects
	tokens   *token.Tokens
	guard    *authz.Guard
	log      *audit.Log

	desk      *httpauth.Auth // lets in people, with a token
	telephony *httpauth.Auth // lets in services, with a key

	people  *employees
	book    *book
	changes *changes
}

// open reads the host's data, opens the database with its keys, and makes the
// engines. At the first start it also hands out passwords and a service key.
func open(ctx context.Context, c config) (_ *server, err error) {
	if c.Demo == nil {
		c.Demo = demoData()
	}
	people, err := readEmployees(c.Demo)
	if err != nil {
		return nil, err
	}
	book, err := readBook(c.Demo)
	if err != nil {
		return nil, err
	}
	if c.Sender == nil {
		c.Sender = textMessages{book, log.New(c.Console, "", 0)}
	}
	s := &server{people: people, book: book, changes: newChanges()}
	if s.stores, err = c.Place.open(ctx); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.letGo())
		}
	}()
	keys, found, err := findKeys(c.Place.keys())
	if err != nil {
		return nil, err
	}
	if err = s.makeEngines(c, keys); err != nil {
		return nil, err
	}
	past, err := s.log.List(ctx, audit.Query{Limit: 1})
	if err != nil {
		return nil, err
	}
	if err = keys.settle(c.Place.keys(), found, len(past.Records) > 0); err != nil {
		return nil, err
	}
	if keys.Telephony == "" {
		err = s.provision(ctx, c, keys)
	}
	return s, err
}

// makeEngines names tenant, store, secret and directories once, in a Realm, and
// makes of it every engine, in the order in which one needs the other.
func (s *server) makeEngines(c config, k keys) error {
	secret, err := k.secret()
	if err != nil {
		return err
	}
	signer, err := k.signer()
	if err != nil {
		return err
	}
	if s.realm, err = symbolon.NewRealm(symbolon.RealmConfig{
		Tenant: tenant, Store: s.durable, Secret: secret, Actors: s.people, Subjects: s.book,
	}, &symbolon.RealmOptions{Classes: classes, Ephemeral: s.ephemeral}); err != nil {
		return err
	}
	told := notices{log.New(c.Console, "", 0)}
	if s.actors, err = authn.NewActors(s.realm, &authn.ActorsOptions{Notifier: told, Alert: told.alert}); err != nil {
		return err
	}
	if s.subjects, err = authn.NewSubjects(s.actors, c.Sender, &authn.SubjectsOptions{Lease: c.Lease, Guarded: []string{"sim.change"}}); err != nil {
		return err
	}
	// A token may live for a while: each request asks the store whether the
	// session and the call that it came from are still there.
	lifetime := &token.Options{Lifetime: 15 * time.Minute}
	if s.tokens, err = token.New(s.realm, token.Config{Issuer: "crm", Audience: "crm-api", Key: signer}, lifetime); err != nil {
		return err
	}
	if s.guard, err = newGuard(s.realm, s.subjects); err != nil {
		return err
	}
	if s.log, err = audit.NewLog(s.realm); err != nil {
		return err
	}
	if s.desk, err = httpauth.New(sessions{s.tokens, s.actors}, s.guard, &httpauth.Options{Join: s.subjects, Failed: failed}); err != nil {
		return err
	}
	s.telephony, err = httpauth.New(serviceKeys{s.actors}, s.guard, &httpauth.Options{Failed: failed})
	return err
}

// routes is the whole API. Each line says who may come in: anybody; the exchange,
// with its key; an employee, with a token; or whoever the guard lets do one
// action.
func (s *server) routes() http.Handler { return http.MaxBytesHandler(s.mux(), maxBody) }

func (s *server) mux() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /sign-in", s.signIn)
	mux.Handle("POST /sign-out", s.desk.Principal(s.signOut))

	mux.Handle("POST /calls", s.telephony.Principal(s.openCall))
	mux.Handle("POST /calls/{call}/renew", s.telephony.Principal(s.renewCall))
	mux.Handle("DELETE /calls/{call}", s.telephony.Principal(s.endCall))

	mux.Handle("POST /interactions/{call}/challenges", s.desk.Principal(s.challenge))
	mux.Handle("POST /interactions/{call}/challenges/{challenge}/answer", s.desk.Principal(s.answerChallenge))

	mux.Handle("GET /customers/{id}", byClaim(
		s.desk.Grant(previewCustomer, s.theCustomer, s.showMasked),
		s.desk.Grant(readCustomer, s.theCustomer, s.showCustomer)))
	mux.Handle("POST /lines/{number}/sim-changes", s.desk.Grant(changeSIM, s.theLine, s.decideSIM))
	mux.Handle("POST /sim-changes/{id}/confirm", s.desk.Principal(s.confirmSIM))

	mux.Handle("POST /employees/{id}/hold", s.desk.Grant(holdAccount, theEmployee, s.holdEmployee))
	mux.Handle("POST /employees/{id}/unlock", s.desk.Grant(unlockAccount, theEmployee, s.unlockEmployee))
	mux.Handle("POST /customers/{id}/unlock", s.desk.Grant(unlockCustomer, theCustomersLock, s.unlockCustomer))
	mux.Handle("GET /audit", s.desk.Grant(readAudit, theAudit, s.showAudit))
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusNotFound, object{"error": "not_found"})
	})
	return mux
}

// serve answers until ctx ends, then lets the requests under way finish.
func (s *server) serve(ctx context.Context, l net.Listener) error {
	web := &http.Server{
		Handler:           s.routes(),
		ReadHeaderTimeout: 5 * time.Second, // a caller who sends a byte a minute holds no connection
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
	}
	ctx, stop := context.WithCancel(ctx)
	var background sync.WaitGroup
	background.Go(func() { s.upkeep(ctx) })
	background.Go(func() {
		<-ctx.Done()
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		if web.Shutdown(grace) != nil {
			_ = web.Close()
		}
	})
	err := web.Serve(l)
	stop()
	background.Wait()
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}
