// Command crm is the reference server of Symbolon: the back end of a small
// contact centre, written to be copied from.
//
//	go run ./examples/crm          serve on 127.0.0.1:8080
//	go run ./examples/crm -walk    play one story against a fresh server, a line per step
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
//	office.go     what concerns no customer: unlock a colleague, read the audit
//	upkeep.go     what runs beside the requests
//	answer.go     bodies in, answers out
//	directory.go  the host's own people and customers, behind two small interfaces
//	keys.go       secrets that outlive the process
//	walk.go       the story, told by an HTTP client (client.go, walker.go)
//
// To try it by hand, start the server and, in a second terminal, be the telephone
// exchange, which rings and stays on the line:
//
//	go run ./examples/crm -ring mia:cust-42
//	curl 127.0.0.1:8080/sign-in -d '{"login": "mia@care.example", "password": "tea with lemon at four"}'
//	curl 127.0.0.1:8080/customers/cust-42 -H 'Authorization: Bearer <token>' -H 'Interaction: <id>'
//
// The database, and the keys beside it, lie in the user's cache directory unless
// -db says otherwise; delete that directory to begin anew. Employees and
// customers are demo data with passwords that anybody can read in demo/*.json,
// so the server refuses to listen anywhere but on loopback.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "crm:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("crm", flag.ContinueOnError)
	addr := flags.String("addr", "127.0.0.1:8080", "where to listen; loopback only")
	db := flags.String("db", "", "the SQLite `file`; beside it lie its keys (default crm.db in the user's cache directory)")
	demo := flags.String("demo", "", "a `directory` with another employees.json and customers.json")
	story := flags.Bool("walk", false, "play the story against a fresh server and exit")
	call := flags.String("ring", "", "be the telephone exchange of the running server: `EMPLOYEE:CUSTOMER`")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if *story {
		return walk(ctx, os.Stdout)
	}
	if err := loopback(*addr); err != nil {
		return err
	}
	file, err := database(*db)
	if err != nil {
		return err
	}
	if *call != "" {
		return ring(ctx, os.Stdout, "http://"+*addr, keysBeside(file), *call)
	}
	var data fs.FS
	if *demo != "" {
		data = os.DirFS(*demo)
	}
	s, err := open(ctx, config{DB: file, Demo: data, Console: os.Stdout})
	if err != nil {
		return err
	}
	defer s.close()
	l, err := net.Listen("tcp", *addr)
	if err != nil {
		return err
	}
	fmt.Printf("listening on http://%s, with the database %s\n", l.Addr(), file)
	return s.serve(ctx, l)
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

// database returns the path of the database and makes its directory.
func database(file string) (string, error) {
	if file == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("no place for the database, name one with -db: %w", err)
		}
		file = filepath.Join(cache, "symbolon-crm", "crm.db")
	}
	if strings.ContainsAny(file, "?#") {
		return "", fmt.Errorf("-db %q: a path without ? and #, which mean something else to the driver", file)
	}
	return file, os.MkdirAll(filepath.Dir(file), 0o700)
}
