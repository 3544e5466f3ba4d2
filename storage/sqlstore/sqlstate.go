package sqlstore

import (
	"errors"
	"regexp"
)

// Codes of the SQL standard and of PostgreSQL.
const (
	divisionByZero       = "22012" // what a failed condition raises, see conditions
	rolledBack           = "40000"
	serializationFailure = "40001" // and a deadlock in MySQL
	deadlock             = "40P01"
)

// undone reports whether an error of this code says for certain that the
// transaction left nothing behind because others were in the way. It is not the
// whole class 40: 40003 says that nobody knows.
func undone(code string) bool {
	return code == rolledBack || code == serializationFailure || code == deadlock
}

var mysqlText = regexp.MustCompile(`^Error \d+ \(([0-9A-Z]{5})\): `)

// sqlState is the default of Options.SQLState. It knows the drivers whose errors
// have a method for it, as those of pgx and pq do, and go-sql-driver/mysql, whose
// errors have it in a field, out of reach for whoever does not import it, and at
// the beginning of their text.
func sqlState(err error) string {
	var e interface{ SQLState() string }
	if errors.As(err, &e) {
		return e.SQLState()
	}
	for ; err != nil; err = errors.Unwrap(err) {
		if m := mysqlText.FindStringSubmatch(err.Error()); m != nil {
			return m[1]
		}
	}
	return ""
}
