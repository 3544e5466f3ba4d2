// Outside tries to make a Principal in a program that is no test.
package main

import (
	"fmt"

	"github.com/symbolon-auth/symbolon/authn/authntest"
)

func main() {
	defer func() { fmt.Print(recover()) }()
	authntest.Principal(nil, nil, authntest.Who{Actor: "mia"})
}
