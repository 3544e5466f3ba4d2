package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
)

// schema is how the tables of a dialect came to be. Each step is applied once,
// by Migrate, and yet is safe to run again, for those who apply Schema by hand.
// A released step never changes: a later one changes what it made.
type schema struct {
	versions string // makes the table of the steps that were applied
	present  string // asks whether that table is there
	applied  string // enters a step, with its number for %d
	steps    []string
}

var schemas = map[Dialect]schema{
	SQLite: {
		versions: `CREATE TABLE IF NOT EXISTS symbolon_schema (version INTEGER PRIMARY KEY)`,
		present:  `SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'symbolon_schema'`,
		applied:  `INSERT INTO symbolon_schema (version) VALUES (%d) ON CONFLICT DO NOTHING`,
		steps:    []string{sqliteSchema},
	},
	PostgreSQL: {
		versions: `CREATE TABLE IF NOT EXISTS symbolon_schema (version integer PRIMARY KEY)`,
		present:  `SELECT count(to_regclass('symbolon_schema'))`,
		applied:  `INSERT INTO symbolon_schema (version) VALUES (%d) ON CONFLICT DO NOTHING`,
		steps:    []string{postgresSchema},
	},
	MySQL: {
		versions: `CREATE TABLE IF NOT EXISTS symbolon_schema (version INTEGER PRIMARY KEY) ENGINE = InnoDB`,
		present:  `SELECT count(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = 'symbolon_schema'`,
		applied:  `INSERT IGNORE INTO symbolon_schema (version) VALUES (%d)`,
		steps:    []string{mysqlSchema},
	},
}

// statements are those of a step. None of them has a semicolon inside.
func statements(step string) []string {
	return strings.Split(strings.TrimSuffix(strings.TrimSpace(step), ";"), ";")
}

// Schema returns the statements that make the tables of d, for whoever applies
// them with tools of their own in place of [Migrate]. They are safe to run again.
// For a Dialect that there is not it returns nothing.
func Schema(d Dialect) string {
	s, ok := schemas[d]
	if !ok {
		return ""
	}
	text := s.versions + ";\n"
	for i, step := range s.steps {
		text += strings.TrimSpace(step) + "\n" + fmt.Sprintf(s.applied, i+1) + ";\n"
	}
	return text
}

// Migrate makes the tables that [New] asks for, or brings them up to date. Run
// it before the processes of a new version start; to run it from several at once,
// or again, is harmless. The user of db must be allowed to create tables. For
// SQLite there is no need: New does the same.
func Migrate(ctx context.Context, db *sql.DB, d Dialect) error {
	if db == nil || !d.known() {
		return fmt.Errorf("sqlstore: migrate: %w", errors.Join(wrongTarget(db, d)...))
	}
	if err := migrate(ctx, db, d); err != nil {
		return fmt.Errorf("sqlstore: migrate %v: %w", d, err)
	}
	return nil
}

func migrate(ctx context.Context, db *sql.DB, d Dialect) error {
	switch d {
	case SQLite:
		e, err := openSQLite(ctx, db, Options{}.withDefaults())
		if err != nil {
			return err
		}
		return e.close()
	case PostgreSQL:
		// At a higher level whoever waited would not see what the other has applied.
		tx, err := db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
		if err != nil {
			return err
		}
		defer tx.Rollback()
		// The number means nothing but this. The lock ends with the transaction.
		if _, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock(7951462230158236001)`); err != nil {
			return err
		}
		if err := schemas[d].apply(ctx, tx); err != nil {
			return err
		}
		return tx.Commit()
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	const lock = `CONCAT('symbolon ', MD5(DATABASE()))` // such locks are the server's, not the database's
	var got sql.NullInt64
	if err := conn.QueryRowContext(ctx, `SELECT GET_LOCK(`+lock+`, 30)`).Scan(&got); err != nil {
		return err
	}
	if got.Int64 != 1 {
		return errors.New("no database is selected, or another process has been migrating it for 30 s")
	}
	defer conn.ExecContext(context.WithoutCancel(ctx), `DO RELEASE_LOCK(`+lock+`)`)
	return schemas[d].apply(ctx, conn)
}

// link is a connection or a transaction.
type link interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// apply carries out the steps that were not applied yet. The caller sees to it
// that nobody else does so meanwhile.
func (s schema) apply(ctx context.Context, l link) error {
	version, err := s.version(ctx, l)
	if err != nil {
		return err
	}
	var todo []string
	if version == 0 {
		todo = append(todo, s.versions)
	}
	for ; version < len(s.steps); version++ {
		todo = append(todo, statements(s.steps[version])...)
		todo = append(todo, fmt.Sprintf(s.applied, version+1))
	}
	for _, text := range todo {
		if _, err := l.ExecContext(ctx, text); err != nil {
			return err
		}
	}
	return nil
}

// version returns how many steps were applied.
func (s schema) version(ctx context.Context, l link) (version int, err error) {
	var present int
	if err := l.QueryRowContext(ctx, s.present).Scan(&present); err != nil || present == 0 {
		return 0, err
	}
	if err := l.QueryRowContext(ctx, `SELECT COALESCE(MAX(version), 0) FROM symbolon_schema`).Scan(&version); err != nil {
		return 0, err
	}
	if newest := len(s.steps); version > newest {
		return 0, fmt.Errorf("the tables are of version %d, and this program knows %d: upgrade the program", version, newest)
	}
	return version, nil
}

// fits says what to do when the tables are not those that this version uses.
func (s schema) fits(ctx context.Context, l link) error {
	version, err := s.version(ctx, l)
	switch {
	case err != nil:
		return err
	case version == 0:
		return errors.New("there are no tables yet: call sqlstore.Migrate, or apply what sqlstore.Schema returns")
	case version < len(s.steps):
		return fmt.Errorf("the tables are of version %d, and this program needs %d: call sqlstore.Migrate", version, len(s.steps))
	}
	return nil
}
