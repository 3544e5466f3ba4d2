package main

import (
	"context"
	"fmt"
	"io"
)

// provision is the first start: every employee of the demo gets the password
// that stands in the data, and the exchange a key. The key is written last, so
// that a first start that broke off is begun again.
func (s *server) provision(ctx context.Context, c config, k keys) error {
	host := s.actors.AsHost("first start with demo data")
	for _, e := range s.people.all {
		if e.Login == "" {
			continue
		}
		if err := host.SetPassword(ctx, e.ID, e.Password); err != nil {
			return fmt.Errorf("employees.json: %s: %w", e.ID, err)
		}
	}
	key, err := host.NewKey(ctx, exchange)
	if err != nil {
		return fmt.Errorf("employees.json: %s: %w", exchange, err)
	}
	k.Telephony = key.Reveal()
	return k.write(c.Place.keys())
}

// welcome says, at each start, who can sign in and where everything lies. It
// prints the passwords that anybody can read in this repository, and no others.
func (s *server) welcome(out io.Writer, c config) {
	for _, e := range s.people.all {
		if e.Login == "" {
			continue
		}
		password := "the password in employees.json"
		if c.Demo == nil {
			password = fmt.Sprintf("%q", e.Password)
		}
		fmt.Fprintf(out, "%-8s signs in as %-18s with %s %s\n", e.ID, e.Login, password, e.Roles)
	}
	fmt.Fprintf(out, "data     %s\n", c.Place)
	fmt.Fprintf(out, "keys     %s\n", c.Place.keys())
}
