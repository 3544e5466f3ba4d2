// Command crm is the reference server of Symbolon: the back end of a small
// contact centre, written to be copied from.
//
//	go run ./examples/crm          serve on 127.0.0.1:8080
//	go run ./examples/crm -walk    play one story against a fresh server, a line per step
//	go run ./examples/crm -h       every flag
//
// An employee signs in, telephony reports a call, the customer on the phone reads
// out a code, and from then on one token speaks for both. Read the files in the
// order in which a request meets them:
//
//	server.go     every engine is made, once, and every route is named
//	policy.go     the actions that exist; policies/*.cedar say who may do them
//	caller.go     who is calling, and what a refusal looks like
//	signin.go     the employee comes and goes
//	telephony.go  a call begins, lasts and ends; only a service may say so
//	proof.go      the customer proves who they are
//	records.go    one customer's record: masked while claimed, whole once proved
//	simchange.go  a sensitive change: decided first, done once
//	office.go     what concerns no customer: open a lock, read the audit
//	upkeep.go     what runs beside the requests
//	answer.go     bodies in, answers out
//	directory.go  the host's own people and customers, behind two small interfaces
//	place.go      where the data lies: four engines, one store (and ephemeral.go: what may be lost)
//	keys.go       secrets that outlive the process
//	start.go      the first start, and what each start says
//	backup.go     the data in a file, and back
//	walk.go       the story, told by an HTTP client (client.go, walker.go, fresh.go)
//
// The database, and the keys beside it, lie in the user's cache directory unless
// -db says otherwise; delete that directory to begin anew. Employees and
// customers are demo data with passwords that anybody can read in demo/*.json,
// so the server refuses to listen anywhere but on loopback.
//
// # By hand
//
// Start the server. In a second terminal be the telephone exchange, which puts
// nora through to mia and stays on the line:
//
//	go run ./examples/crm -ring mia:cust-42
//
// In a third be mia. Paste one paragraph at a time, since each ends with a
// question, or run the file byhand.sh, which is the same:
//
//	crm=${crm:-http://127.0.0.1:8080}
//	member() { sed "s/.*\"$1\":\"\([^\"]*\)\".*/\1/"; }
//	printf 'The interaction, as -ring printed it: '; read -r call
//
//	call=${call#Interaction: }
//	mia="Authorization: Bearer $(curl -s $crm/sign-in -d '{"login": "mia@care.example", "password": "tea with lemon at four"}' | member token)"
//	echo 'Who says to be calling? A mask:'
//	curl -s $crm/customers/cust-42 -H "$mia" -H "Interaction: $call"
//	challenge=$(curl -s $crm/interactions/$call/challenges -H "$mia" -d '{"method": "sms", "operation": "customer.read"}' | member challenge)
//	printf 'The code, as the server printed it: '; read -r code
//
//	both="Authorization: Bearer $(curl -s $crm/interactions/$call/challenges/$challenge/answer -H "$mia" -d "{\"code\": \"$code\"}" | member token)"
//	echo 'Nora has proved who she is, and hears her record:'
//	curl -s $crm/customers/cust-42 -H "$both"
//	echo 'A SIM change takes a proof of its own:'
//	curl -s $crm/lines/+15550100/sim-changes -H "$both" -d '{"iccid": "8900000000000000777"}'
//	challenge=$(curl -s $crm/interactions/$call/challenges -H "$mia" -d '{"method": "sms", "operation": "sim.change"}' | member challenge)
//	printf 'The second code: '; read -r code
//
//	both="Authorization: Bearer $(curl -s $crm/interactions/$call/challenges/$challenge/answer -H "$mia" -d "{\"code\": \"$code\"}" | member token)"
//	echo 'It is decided, and then done:'
//	change=$(curl -s $crm/lines/+15550100/sim-changes -H "$both" -d '{"iccid": "8900000000000000777"}' | member id)
//	curl -s $crm/sim-changes/$change/confirm -H "$both" -d '{"iccid": "8900000000000000777"}'
//	ada="Authorization: Bearer $(curl -s $crm/sign-in -d '{"login": "ada@care.example", "password": "a lighthouse never hurries"}' | member token)"
//	echo 'Ada, a supervisor, reads who did what for whom:'
//	curl -s "$crm/audit?subject=cust-42" -H "$ada"
package main

import (
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Stdout, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "crm:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer, args []string) error {
	flags := flag.NewFlagSet("crm", flag.ContinueOnError)
	addr := flags.String("addr", "127.0.0.1:8080", "where to listen; loopback only")
	engine := flags.String("store", "sqlite", "the `engine`: sqlite, postgres, postgres+redis, mysql or memory")
	dsn := flags.String("dsn", "", "the `server` of -store postgres or mysql, as its driver understands it")
	redis := flags.String("redis", "redis://127.0.0.1:6379", "the `URL` of the Redis of -store postgres+redis")
	db := flags.String("db", "", "the SQLite `file`; beside it lie the keys, whatever the engine: one file for each database (default crm.db in the user's cache directory)")
	demo := flags.String("demo", "", "a `directory` with another employees.json and customers.json")
	story := flags.Bool("walk", false, "play the story against a fresh server, with a fresh part of the store, and exit")
	call := flags.String("ring", "", "be the telephone exchange of the running server: `EMPLOYEE:CUSTOMER`")
	into := flags.String("backup", "", "copy the data into a new encrypted `file` and exit")
	from := flags.String("restore", "", "bring the data back from such a `file` and exit; stop the server first")
	var w wishes
	flags.BoolVar(&w.replace, "replace", false, "with -restore: the data that is there goes; what it says to be locked or revoked stays so")
	flags.BoolVar(&w.acceptLoss, "accept-loss", false, "with -restore: what was locked or revoked since the backup comes back")

	flags.SetOutput(io.Discard) // main says what is wrong, once
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		help(out, flags)
		return nil
	case err != nil:
		return fmt.Errorf("%w; -h shows every flag", err)
	case flags.NArg() > 0:
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	p, err := newPlace(*engine, *dsn, *redis, *db)
	if err != nil {
		return err
	}
	if err := loopback(*addr); err != nil {
		return err
	}
	switch {
	case *story:
		slog.SetLogLoggerLevel(slog.LevelWarn) // it has tokens refused on purpose
		return walk(ctx, out, p)
	case *call != "":
		return ring(ctx, out, "http://"+*addr, p.keys(), *call)
	case *into != "":
		return backUp(ctx, out, p, *into)
	case *from != "":
		return restore(ctx, out, p, *from, w)
	}
	c := config{Place: p, Console: out}
	if *demo != "" {
		c.Demo = os.DirFS(*demo)
	}
	return listen(ctx, out, *addr, c)
}

func listen(ctx context.Context, out io.Writer, addr string, c config) (err error) {
	s, err := open(ctx, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.letGo()) }()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	s.welcome(out, c)
	fmt.Fprintf(out, "listening on http://%s; -h shows what to ask it\n", l.Addr())
	return s.serve(ctx, l)
}

// byHand is a session in the words of curl.
//
//go:embed byhand.sh
var byHand string

func help(out io.Writer, flags *flag.FlagSet) {
	fmt.Fprint(out, "crm is the back end of a small contact centre. Without a flag it serves.\n\n")
	flags.SetOutput(out)
	flags.PrintDefaults()
	fmt.Fprint(out, `
To try it by hand, start it, and in a second terminal be the telephone exchange:

go run ./examples/crm -ring mia:cust-42

In a third be mia. Paste one paragraph at a time, since each ends with a question,
or run the file byhand.sh, which is the same:

`, byHand)
}

// loopback refuses every address that another machine could reach (S29): the
// passwords of the demo data are public. A name is refused too, since what it
// means is decided elsewhere.
func loopback(addr string) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("-addr: %w", err)
	}
	if ip, err := netip.ParseAddr(host); err != nil || !ip.IsLoopback() {
		return fmt.Errorf("-addr %s: this server has demo data, with public passwords, so it listens on a loopback address such as 127.0.0.1 or [::1] only", addr)
	}
	return nil
}
