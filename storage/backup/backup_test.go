package backup_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/audit"
	"github.com/symbolon-auth/symbolon/authn"
	"github.com/symbolon-auth/symbolon/password"
	"github.com/symbolon-auth/symbolon/storage"
	"github.com/symbolon-auth/symbolon/storage/backup"
	"github.com/symbolon-auth/symbolon/storage/memory"
	"github.com/symbolon-auth/symbolon/storage/sealed"
	"github.com/symbolon-auth/symbolon/storage/storagetest"
)

var key = []byte("backup keys are 32 random bytes!")

const right = "correct horse battery staple"

// desk is a contact centre over a store.
type desk struct {
	t        testing.TB
	store    storage.Store
	actors   *authn.Actors
	subjects *authn.Subjects
	log      *audit.Log
	codes    chan authn.Message
}

var people = symbolon.ActorMap{
	"mia": {}, "tom": {}, "eve": {}, "ann": {},
	"pbx": {Kind: symbolon.Service}, "ivr": {Kind: symbolon.Service},
}

var customers = symbolon.SubjectMap{"cust-1": {Account: "a-1"}, "cust-2": {Account: "a-2"}, "cust-3": {Account: "a-3"}}

// at opens the desk over a store, as a process does that starts.
func at(t testing.TB, store storage.Store, tenant string) *desk {
	t.Helper()
	secret, err := symbolon.NewSecret("test", []byte("0123456789abcdef0123456789abcdef"))
	require.NoError(t, err)
	r, err := symbolon.NewRealm(symbolon.RealmConfig{Tenant: tenant, Store: store, Secret: secret, Actors: people, Subjects: customers}, nil)
	require.NoError(t, err)
	h, err := password.NewHasher(&password.Options{InsecureTestCost: true})
	require.NoError(t, err)
	d := &desk{t: t, store: store, codes: make(chan authn.Message, 10)}
	d.actors, err = authn.NewActors(r, &authn.ActorsOptions{Hasher: h})
	require.NoError(t, err)
	d.subjects, err = authn.NewSubjects(d.actors, authn.SenderFunc(func(_ context.Context, m authn.Message) error {
		d.codes <- m
		return nil
	}), nil)
	require.NoError(t, err)
	d.log, err = audit.NewLog(r)
	require.NoError(t, err)
	return d
}

func (d *desk) password(id symbolon.ActorID, pw string) {
	d.t.Helper()
	require.NoError(d.t, d.actors.AsHost("test").SetPassword(d.t.Context(), id, pw))
}

func (d *desk) key(id symbolon.ActorID) authn.Key {
	d.t.Helper()
	k, err := d.actors.AsHost("test").NewKey(d.t.Context(), id)
	require.NoError(d.t, err)
	return k
}

func (d *desk) come(k authn.Key) symbolon.Principal {
	d.t.Helper()
	p, err := d.actors.SignInKey(d.t.Context(), k)
	require.NoError(d.t, err)
	return p
}

func (d *desk) signIn(login, pw string) (symbolon.Principal, error) {
	return d.actors.SignIn(d.t.Context(), login, pw)
}

func (d *desk) in(login, pw string) symbolon.Principal {
	d.t.Helper()
	p, err := d.signIn(login, pw)
	require.NoError(d.t, err)
	return p
}

func (d *desk) open(by symbolon.Principal, call string, s symbolon.SubjectID) (symbolon.InteractionID, error) {
	return d.subjects.Open(d.t.Context(), by, authn.Call{ID: call, Channel: "phone", Actor: "mia", Subject: s})
}

// claim opens a call for mia and joins it.
func (d *desk) claim(pbx, mia symbolon.Principal, call string, s symbolon.SubjectID) symbolon.Principal {
	d.t.Helper()
	i, err := d.open(pbx, call, s)
	require.NoError(d.t, err)
	p, err := d.subjects.Join(d.t.Context(), mia, i)
	require.NoError(d.t, err)
	return p
}

// question is one that was sent, with its right answer.
type question struct{ id, code string }

func (d *desk) ask(claim symbolon.Principal) question {
	d.t.Helper()
	c, err := d.subjects.Challenge(d.t.Context(), claim, symbolon.MethodSMS, "sim.change")
	require.NoError(d.t, err)
	for m := range d.codes { // codes are delivered at their own pace
		if m.ID == c.ID {
			return question{c.ID, m.Code.Reveal()}
		}
	}
	panic("not reached")
}

func (d *desk) answer(claim symbolon.Principal, q question) error {
	_, err := d.subjects.Confirm(d.t.Context(), claim, q.id, q.code)
	return err
}

// refused holds an error to be a refusal for one of the reasons.
func refused(t testing.TB, err error, because string, reasons ...authn.Reason) {
	t.Helper()
	require.ErrorIs(t, err, authn.ErrRefused, because)
	var r *authn.Refusal
	require.ErrorAs(t, err, &r)
	require.Contains(t, reasons, r.Reason, because)
}

func export(t testing.TB, store storage.Store, tenants ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	_, err := backup.Export(t.Context(), &b, store, tenants, key, nil)
	require.NoError(t, err)
	return b.Bytes()
}

func imported(t testing.TB, file []byte, into storage.Store, o backup.Options) backup.Summary {
	t.Helper()
	sum, err := backup.Import(t.Context(), bytes.NewReader(file), into, key, &o)
	require.NoError(t, err)
	return sum
}

// content returns all records of a tenant by shard and name, without versions.
func content(t testing.TB, s storage.Store, tenant string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for sh := range 64 {
		shard := fmt.Sprintf("%s/%02x", tenant, sh)
		for after := ""; ; {
			found, err := s.Scan(t.Context(), shard, "", after, 1000)
			require.NoError(t, err)
			for _, r := range found {
				all[shard+" "+r.Name] = fmt.Sprintf("%s %v", r.Value, r.ExpiresAt)
				after = r.Name
			}
			if len(found) < 1000 {
				break
			}
		}
	}
	return all
}

// S11: a bar. Back up; then revoke, replace, lock, guess, and use a call id and
// a code; restore with the old log: none of it is undone or usable again.
func TestNothingIsUndoneByARestore(t *testing.T) {
	for _, c := range []struct {
		name string
		into func(old storage.Store) (storage.Store, backup.Options)
	}{
		{"into a new store", func(old storage.Store) (storage.Store, backup.Options) {
			return memory.New(), backup.Options{Log: old}
		}},
		{"in place", func(old storage.Store) (storage.Store, backup.Options) {
			return old, backup.Options{Log: old, Replace: []string{"acme"}}
		}},
		{"into a sealed store", func(old storage.Store) (storage.Store, backup.Options) {
			keys, err := sealed.NewLocal(key)
			require.NoError(t, err)
			s, err := sealed.New(memory.New(), keys, nil)
			require.NoError(t, err)
			return s, backup.Options{Log: old}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { restoreAfterAnEventfulDay(t, c.into) })
		})
	}
}

// line leads to a store, and can lead to another one: a process that is still
// running when its store is restored.
type line struct{ storage.Store }

func restoreAfterAnEventfulDay(t *testing.T, target func(storage.Store) (storage.Store, backup.Options)) {
	old := memory.New()
	l := &line{old}
	d := at(t, l, "acme")
	for _, id := range []symbolon.ActorID{"mia", "tom", "eve", "ann"} {
		d.password(id, right)
	}
	keptKey, lostKey := d.key("pbx"), d.key("ivr")
	pbx, mia := d.come(keptKey), d.in("mia", right)
	before := d.claim(pbx, mia, "call-before", "cust-1")
	asked := d.ask(before)
	for range 4 {
		_, err := d.signIn("ann", "wrong "+right)
		refused(t, err, "four of five", authn.ReasonWrong)
	}

	file := export(t, old, "acme")
	time.Sleep(time.Second)

	d.password("tom", right+" anew") // the former one had leaked
	require.NoError(t, d.actors.AsHost("leaked").RevokeKey(t.Context(), "ivr", lostKey.ID()))
	for range 5 {
		_, err := d.signIn("eve", "wrong "+right)
		refused(t, err, "five lock", authn.ReasonWrong)
	}
	_, err := d.signIn("ann", "wrong "+right)
	refused(t, err, "the fifth, with the four of before", authn.ReasonWrong)
	require.NoError(t, d.answer(before, asked), "a code is used")
	call, err := d.open(pbx, "call-after", "cust-2") // a call id, for a customer whom the backup has never met
	require.NoError(t, err)
	after, err := d.subjects.Join(t.Context(), mia, call)
	require.NoError(t, err)
	unknown := question{d.ask(after).id, "no code"}
	for range 5 {
		refused(t, d.answer(after, unknown), "five lock the customer", authn.ReasonWrong)
	}
	late, err := d.log.List(t.Context(), audit.Query{Limit: 1000})
	require.NoError(t, err)
	time.Sleep(time.Second)

	into, opts := target(old)
	opts.Reason = "restore of the test"
	sum := imported(t, file, into, opts)
	l.Store = into
	t.Logf("%+v", sum)
	require.Equal(t, []symbolon.ActorID{"tom"}, sum.Unbound)
	require.Zero(t, sum.Unreadable)

	// What was live is over.
	for name := range content(t, into, "acme") {
		for _, live := range []string{"/s/", "/sessions", "/challenge/", " due/"} {
			require.NotContains(t, name, live)
		}
	}
	refused(t, d.actors.Touch(t.Context(), mia), "a session", authn.ReasonOver)
	_, err = d.open(pbx, "call-x", "cust-1")
	refused(t, err, "a service that came in before", authn.ReasonOver)
	_, err = d.subjects.Challenge(t.Context(), before, symbolon.MethodSMS, "sim.change")
	refused(t, err, "a call", authn.ReasonOver)

	// What was revoked stays revoked.
	_, err = d.signIn("tom", right)
	refused(t, err, "the leaked password", authn.ReasonWrong)
	_, err = d.actors.SignInKey(t.Context(), lostKey)
	refused(t, err, "the revoked key", authn.ReasonWrong)

	// What was locked stays locked, and failures count on.
	_, err = d.signIn("eve", right)
	refused(t, err, "locked after the backup", authn.ReasonLocked)
	_, err = d.signIn("ann", right)
	refused(t, err, "four failures before and one after lock", authn.ReasonLocked)

	// What was used stays used.
	pbx, mia = d.come(keptKey), d.in("mia", right)
	_, err = d.open(pbx, "call-before", "cust-1")
	refused(t, err, "a call id of before", authn.ReasonUsed)
	_, err = d.open(pbx, "call-after", "cust-2")
	refused(t, err, "a call id of after", authn.ReasonUsed)
	_, err = d.subjects.Join(t.Context(), mia, call)
	refused(t, err, "its interaction", authn.ReasonOver)
	fresh := d.claim(pbx, mia, "call-fresh", "cust-1")
	refused(t, d.answer(fresh, asked), "a code of before", authn.ReasonWrong)
	barred := d.claim(pbx, mia, "call-barred", "cust-2")
	refused(t, d.answer(barred, d.ask(barred)), "the customer was locked after the backup", authn.ReasonLocked)

	// What was not touched works, and locks end when they would have ended.
	require.NoError(t, d.answer(fresh, d.ask(fresh)))
	d.password("tom", right+" at last")
	d.in("tom", right+" at last")
	time.Sleep(31 * time.Minute)
	d.in("eve", right)
	d.in("ann", right)

	// The log is whole, and tells of the restore.
	now, err := d.log.List(t.Context(), audit.Query{Limit: 1000})
	require.NoError(t, err)
	have := map[string]bool{}
	for _, r := range now.Records {
		have[r.ID] = true
	}
	for _, r := range late.Records {
		require.True(t, have[r.ID], "%s of %v is missing", r.Event, r.Time)
	}
	restores, err := d.log.List(t.Context(), audit.Query{Event: "tenant.imported"})
	require.NoError(t, err)
	require.Len(t, restores.Records, 2)
	require.Equal(t, "restore of the test", restores.Records[0].Host)
}

func full(normally, full int) int {
	if os.Getenv("SYMBOLON_FULL") != "" {
		return full
	}
	return normally
}

// filled returns a store with records of the kind that a restore keeps.
func filled(t testing.TB, records int, tenants ...string) *memory.Store {
	t.Helper()
	s := memory.New()
	rng := mathrand.New(mathrand.NewPCG(1, 2))
	for _, tenant := range tenants {
		for i := range records {
			o := storage.Op{Act: storage.Put, Cond: storage.Absent, Version: storage.Version{1}}
			switch i % 5 {
			case 0:
				o.Name, o.Value = fmt.Sprintf("org/%d", i), []byte("any bytes\x00\xff, and not JSON at all")
			case 1:
				o.Name, o.Value = fmt.Sprintf("call/%d", i), fmt.Appendf(nil, `{"v":1,"n":%d}`, i)
				o.ExpiresAt = time.Now().Add(time.Duration(1+i) * time.Hour).UTC().Truncate(time.Millisecond)
			case 2:
				o.Name, o.Value = fmt.Sprintf("audit/%017d/%d", i, i), bytes.Repeat([]byte("x"), rng.IntN(2000))
			case 3:
				o.Name, o.Value = "effect/%2f%25"+strings.Repeat("n", rng.IntN(400))+fmt.Sprint(i), []byte(`{"v":1}`)
			case 4:
				o.Name, o.Value = fmt.Sprintf("actor/%d/password", i), []byte(`{"v":1,"later":"member"}`)
			}
			require.NoError(t, s.Commit(t.Context(), storage.Batch{Shard: fmt.Sprintf("%s/%02x", tenant, i%64), Now: time.Now(), Ops: []storage.Op{o}}))
		}
	}
	return s
}

// S11: a bar. What stays is equal, byte by byte, on the other engine.
func TestContentIsEqual(t *testing.T) {
	records := full(2_000, 100_000)
	from := filled(t, records, "acme", "umbrella")
	file := export(t, from, "acme")
	keys, err := sealed.NewLocal(key)
	require.NoError(t, err)
	into, err := sealed.New(memory.New(), keys, nil)
	require.NoError(t, err)
	began := time.Now()
	sum := imported(t, file, into, backup.Options{AcceptLoss: []string{"acme"}})
	t.Logf("%d records, %d bytes, restored in %v", sum.Records, len(file), time.Since(began))
	want, got := content(t, from, "acme"), content(t, into, "acme")
	kept := 0
	for name, value := range want {
		if strings.Contains(value, "tenant.exported") {
			continue // written before and after
		}
		require.Equal(t, value, got[name], name)
		kept++
	}
	require.Equal(t, records, kept)
	require.Equal(t, records+1, sum.Records, "and that it was exported")
	require.Empty(t, content(t, into, "umbrella"), "another tenant does not come along")
}

// A record without a value is a record, however an engine returns it.
func TestAnEmptyValueStays(t *testing.T) {
	for because, value := range map[string][]byte{"no bytes": {}, "nil": nil} {
		from := terse{filled(t, 1, "acme"), value}
		put(t, from, "acme/05", "org/empty", "")
		into := memory.New()
		imported(t, export(t, from, "acme"), into, backup.Options{AcceptLoss: []string{"acme"}})
		require.Contains(t, content(t, into, "acme"), "acme/05 org/empty", because)
	}
}

// terse returns its own idea of an empty value.
type terse struct {
	*memory.Store
	empty []byte
}

func (s terse) Scan(ctx context.Context, shard, prefix, after string, limit int) ([]storage.Record, error) {
	found, err := s.Store.Scan(ctx, shard, prefix, after, limit)
	for i := range found {
		if len(found[i].Value) == 0 {
			found[i].Value = s.empty
		}
	}
	return found, err
}

func (s terse) Snapshot(_ context.Context, read func(storage.Reader) error) error { return read(s) }

// A bar: no damaged file writes anything.
func TestDamagedFilesAreRefused(t *testing.T) {
	from := filled(t, 500, "acme")
	file, other := export(t, from, "acme"), export(t, from, "acme")
	require.Greater(t, len(file), 3*(64<<10), "several chunks")
	rng := mathrand.New(mathrand.NewPCG(3, 4))
	const head, chunk = 18 + 32, 64<<10 + 16
	damages := []struct {
		name string
		do   func(b []byte) []byte
	}{
		{"one bit", func(b []byte) []byte { b[rng.IntN(len(b))] ^= 1 << rng.IntN(8); return b }},
		{"cut", func(b []byte) []byte { return b[:rng.IntN(len(b))] }},
		{"cut between chunks", func(b []byte) []byte { return b[:head+chunk*(1+rng.IntN(2))] }},
		{"lengthened", func(b []byte) []byte { return append(b, bytes.Repeat([]byte{0}, 1+rng.IntN(100))...) }},
		{"doubled", func(b []byte) []byte { return append(b, b...) }},
		{"two chunks exchanged", func(b []byte) []byte {
			first := bytes.Clone(b[head : head+chunk])
			copy(b[head:], b[head+chunk:head+2*chunk])
			copy(b[head+chunk:], first)
			return b
		}},
		{"a chunk left out", func(b []byte) []byte { return append(b[:head+chunk], b[head+2*chunk:]...) }},
		{"a chunk of another backup", func(b []byte) []byte { copy(b[head+chunk:], other[head+chunk:head+2*chunk]); return b }},
		{"the head of another backup", func(b []byte) []byte { copy(b, other[:head]); return b }},
		{"garbage in between", func(b []byte) []byte {
			i := rng.IntN(len(b) - 50)
			for j := range 50 {
				b[i+j] = byte(rng.Uint32())
			}
			return b
		}},
		{"another file", func([]byte) []byte { return []byte(strings.Repeat("-- PostgreSQL database dump\n", rng.IntN(100))) }},
	}
	into := memory.New()
	for n := range full(100, 1_000) {
		d := damages[n%len(damages)]
		_, err := backup.Import(t.Context(), bytes.NewReader(d.do(bytes.Clone(file))), into, key, &backup.Options{AcceptLoss: []string{"acme"}})
		require.ErrorIs(t, err, backup.ErrDamaged, d.name)
	}
	_, err := backup.Import(t.Context(), bytes.NewReader(file), into, []byte("another key, which is 32 bytes.."), nil)
	require.ErrorIs(t, err, backup.ErrDamaged)
	require.Empty(t, content(t, into, "acme"), "nothing was written")
	imported(t, file, into, backup.Options{AcceptLoss: []string{"acme"}})
}

// A file that is exchanged after it was found whole is noticed.
func TestAFileThatChangesMeanwhile(t *testing.T) {
	from := filled(t, 50, "acme")
	r := &exchanged{Reader: bytes.NewReader(export(t, from, "acme")), other: bytes.NewReader(export(t, from, "acme"))}
	_, err := backup.Import(t.Context(), r, memory.New(), key, &backup.Options{AcceptLoss: []string{"acme"}})
	require.ErrorIs(t, err, backup.ErrDamaged)
	require.ErrorContains(t, err, "exchanged")

	_, err = backup.Import(t.Context(), broken{bytes.NewReader(nil)}, memory.New(), key, nil)
	require.ErrorIs(t, err, errDisk)
	require.NotErrorIs(t, err, backup.ErrDamaged, "a disk that does not answer says nothing about the file")
}

type exchanged struct {
	*bytes.Reader
	other *bytes.Reader
	seeks int
}

func (e *exchanged) Seek(offset int64, whence int) (int64, error) {
	if e.seeks++; e.seeks == 3 { // asking where it stands, the first reading, the second
		e.Reader = e.other
	}
	return e.Reader.Seek(offset, whence)
}

var errDisk = errors.New("input/output error")

type broken struct{ io.ReadSeeker }

func (broken) Read([]byte) (int, error) { return 0, errDisk }

// S11: whoever restores says what they lose, and by name.
func TestWhatAnImportRefuses(t *testing.T) {
	d := at(t, memory.New(), "acme")
	d.password("mia", right)
	file := export(t, d.store, "acme")
	used := memory.New()
	at(t, used, "acme").password("eve", right)
	odd := filled(t, 5, "acme")
	put(t, odd, "acme/00", "novelty/1", `{"v":1}`)
	newer := filled(t, 5, "acme")
	put(t, newer, "acme/00", "policy/head", `{"v":1}`)
	changed := memory.New()
	imported(t, file, changed, backup.Options{Log: d.store})
	put(t, changed, "acme/05", fmt.Sprintf("audit/%017d/x", time.Now().UnixMicro()), `{"v":1,"id":"x","event":"policy.changed","outcome":"succeeded"}`)
	for _, c := range []struct {
		because string
		file    []byte
		into    storage.Store
		opts    backup.Options
		want    error
		text    string
	}{
		{"nobody said what happened since", file, memory.New(), backup.Options{}, backup.ErrLoss, `"acme"`},
		{"a log of another store", file, memory.New(), backup.Options{Log: memory.New()}, backup.ErrLoss, "lacks 2 audit records"},
		{"a change that the log does not describe", file, memory.New(), backup.Options{Log: changed}, backup.ErrLoss, "policy.changed"},
		{"the target is in use", file, used, backup.Options{Log: d.store}, backup.ErrOccupied, `"acme"`},
		{"a slip of the pen", file, memory.New(), backup.Options{AcceptLoss: []string{"acne"}}, nil, "Options.AcceptLoss names \"acne\"; the file has acme"},
		{"a slip of the pen", file, memory.New(), backup.Options{Log: d.store, Replace: []string{"acne"}}, nil, "Options.Replace"},
		{"a record that may be a live proof", export(t, odd, "acme"), memory.New(), backup.Options{AcceptLoss: []string{"acme"}}, nil, "upgrade this process: [\"novelty\"]"},
	} {
		was := content(t, c.into, "acme")
		_, err := backup.Import(t.Context(), bytes.NewReader(c.file), c.into, key, &c.opts)
		require.Error(t, err, c.because)
		require.ErrorContains(t, err, c.text, c.because)
		if c.want != nil {
			require.ErrorIs(t, err, c.want, c.because)
		}
		require.Equal(t, was, content(t, c.into, "acme"), c.because)
	}
	imported(t, file, memory.New(), backup.Options{Log: changed, AcceptLoss: []string{"acme"}})
	imported(t, export(t, newer, "acme"), memory.New(), backup.Options{Log: newer})

	_, err := backup.Import(t.Context(), bytes.NewReader(file), memory.New(), []byte("short"), nil)
	require.ErrorContains(t, err, "the key has 5 bytes")
	for because, tenants := range map[string][]string{"no tenant": nil, "an empty one": {""}, "one without records": {"acme", "nobody"}} {
		_, err := backup.Export(t.Context(), io.Discard, d.store, tenants, key, nil)
		require.Error(t, err, because)
	}
}

func put(t testing.TB, s storage.Store, shard, name, value string) {
	t.Helper()
	o := storage.Op{Act: storage.Put, Name: name, Cond: storage.Any, Value: []byte(value), Version: storage.Version{9}}
	require.NoError(t, s.Commit(t.Context(), storage.Batch{Shard: shard, Now: time.Now(), Ops: []storage.Op{o}}))
}

// A restore that breaks off leaves a target in which nobody is let in, and can
// be started again.
func TestABrokenRestoreLetsNobodyIn(t *testing.T) {
	d := at(t, memory.New(), "acme")
	d.password("mia", right)
	k := d.key("pbx")
	d.in("mia", right)
	file := export(t, d.store, "acme")
	opts := backup.Options{Log: d.store}
	broken := 0
	for commits := 1; ; commits++ {
		inner := memory.New()
		_, err := backup.Import(t.Context(), bytes.NewReader(file), &dying{Store: inner, left: commits}, key, &opts)
		if err == nil {
			require.Greater(t, broken, 3)
			return
		}
		require.ErrorIs(t, err, errDied)
		got, whole := content(t, inner, "acme"), true
		for name := range content(t, d.store, "acme") {
			_, there := got[name]
			whole = whole && (there || strings.HasSuffix(name, "/stamp") || strings.Contains(name, "/s"))
		}
		if target := at(t, inner, "acme"); !whole {
			_, err = target.signIn("mia", right)
			require.Error(t, err, "after %d commits", commits)
			_, err = target.actors.SignInKey(t.Context(), k)
			require.Error(t, err, "after %d commits", commits)
			broken++
		}
		again := opts
		again.Replace = []string{"acme"}
		imported(t, file, inner, again)
		at(t, inner, "acme").in("mia", right)
	}
}

var errDied = errors.New("the disk is full")

type dying struct {
	storage.Store
	left int
}

func (d *dying) Commit(ctx context.Context, b storage.Batch) error {
	if d.left--; d.left < 0 {
		return errDied
	}
	return d.Store.Commit(ctx, b)
}

// Lost replies: what was applied and reported as failed is not done twice, nor
// given up.
func TestLostReplies(t *testing.T) {
	from := filled(t, 300, "acme")
	into := memory.New()
	imported(t, export(t, from, "acme"), storagetest.Lossy(into, 5), backup.Options{AcceptLoss: []string{"acme"}})
	require.Subset(t, content(t, into, "acme"), without(content(t, from, "acme"), "tenant.exported"))
}

func without(all map[string]string, word string) map[string]string {
	for name, value := range all {
		if strings.Contains(value, word) {
			delete(all, name)
		}
	}
	return all
}

// A store that does not keep what it was given is found out.
func TestAnUnfaithfulTarget(t *testing.T) {
	from := filled(t, 300, "acme")
	file := export(t, from, "acme")
	for because, change := range map[string]func(*storage.Op){
		"another value":    func(o *storage.Op) { o.Value = append(bytes.Clone(o.Value), ' ') },
		"another end":      func(o *storage.Op) { o.ExpiresAt = time.Now().Add(90 * time.Minute) },
		"another name":     func(o *storage.Op) { o.Name += "x" },
		"no record at all": func(o *storage.Op) { *o = storage.Op{Act: storage.Delete, Name: o.Name, Cond: storage.Any} },
	} {
		for _, suffix := range []string{"org/100", "/102", "password"} { // a record, one of the audit, one of many
			into := &unfaithful{Store: memory.New(), change: change, suffix: suffix}
			_, err := backup.Import(t.Context(), bytes.NewReader(file), into, key, &backup.Options{AcceptLoss: []string{"acme"}})
			require.ErrorIs(t, err, backup.ErrDiffers, "%s of %s", because, suffix)
		}
	}
	lazy := &unfaithful{Store: memory.New(), suffix: "/102", change: func(o *storage.Op) { *o = storage.Op{Act: storage.Delete, Name: o.Name, Cond: storage.Any} }}
	_, err := backup.Import(t.Context(), bytes.NewReader(file), lazy, key, &backup.Options{AcceptLoss: []string{"acme"}, Replace: []string{"acme"}})
	require.ErrorIs(t, err, backup.ErrDiffers, "with Replace the audit's own records may differ, but not be missing")
}

type unfaithful struct {
	storage.Store
	change func(*storage.Op)
	suffix string
}

func (u *unfaithful) Commit(ctx context.Context, b storage.Batch) error {
	for i := range b.Ops {
		if strings.HasSuffix(b.Ops[i].Name, u.suffix) {
			u.change(&b.Ops[i])
		}
	}
	return u.Store.Commit(ctx, b)
}

// A record of the day's unknown logins that has counted on since is taken from
// the log.
func TestCountersCountOn(t *testing.T) {
	d := at(t, memory.New(), "acme")
	d.password("mia", right)
	_, _ = d.signIn("nobody", right)
	file := export(t, d.store, "acme")
	for range 3 {
		_, _ = d.signIn("nobody", right)
	}
	for _, opts := range []backup.Options{{Log: d.store}, {Log: d.store, Replace: []string{"acme"}}} {
		into := d.store
		if opts.Replace == nil {
			into = memory.New()
		}
		imported(t, file, into, opts)
		page, err := at(t, into, "acme").log.List(t.Context(), audit.Query{Event: "signin"})
		require.NoError(t, err)
		require.Len(t, page.Records, 1)
		require.Equal(t, 4, page.Records[0].Count)
	}
}

// What has expired since is not brought back.
func TestWhatHasExpiredStaysAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		from := filled(t, 100, "acme") // calls that end hour by hour
		file := export(t, from, "acme")
		time.Sleep(50*time.Hour + time.Minute)
		into := memory.New()
		imported(t, file, into, backup.Options{AcceptLoss: []string{"acme"}})
		calls := 0
		for name := range content(t, into, "acme") {
			if strings.Contains(name, " call/") {
				calls++
			}
		}
		require.Equal(t, 10, calls, "of 20")
	})
}

// S11, S24: a restore ends remembered devices. To a locked account they were a way in,
// and whoever has one may be why there was a restore.
func TestRememberedDevicesEnd(t *testing.T) {
	d := at(t, memory.New(), "acme")
	d.password("mia", right)
	device, err := d.actors.Remember(t.Context(), d.in("mia", right))
	require.NoError(t, err)
	for range 5 {
		_, err := d.signIn("mia", "wrong "+right)
		require.ErrorIs(t, err, authn.ErrRefused)
	}
	_, err = d.signIn("mia", right)
	require.ErrorIs(t, err, authn.ErrRefused, "locked for strangers")
	_, err = d.actors.SignInFrom(t.Context(), device, "mia", right)
	require.NoError(t, err, "and not for a known device")

	into := memory.New()
	imported(t, export(t, d.store, "acme"), into, backup.Options{Log: d.store})
	after := at(t, into, "acme")
	_, err = after.actors.SignInFrom(t.Context(), device, "mia", right)
	require.ErrorIs(t, err, authn.ErrRefused, "it is a stranger's now")
}

// A log that names the key revokes that one; one that does not, as older
// versions wrote it, all that there were.
func TestWhichKeyWasRevoked(t *testing.T) {
	for _, c := range []struct {
		revoke func(*desk, authn.Key)
		first  bool // works after the restore
	}{
		{func(d *desk, k authn.Key) {
			require.NoError(t, d.actors.AsHost("leaked").RevokeKey(t.Context(), "pbx", k.ID()))
		}, true},
		{func(d *desk, k authn.Key) {
			now := time.Now().UTC()
			put(t, d.store, "acme/00", fmt.Sprintf("audit/%017d/x", now.UnixMicro()),
				fmt.Sprintf(`{"v":1,"id":"x","time":%q,"event":"key.revoked","outcome":"succeeded","actor":"pbx"}`, now.Format(time.RFC3339Nano)))
		}, false},
	} {
		d := at(t, memory.New(), "acme")
		first, second := d.key("pbx"), d.key("pbx")
		file := export(t, d.store, "acme")
		c.revoke(d, second)
		into := memory.New()
		imported(t, file, into, backup.Options{Log: d.store})
		after := at(t, into, "acme")
		_, err := after.actors.SignInKey(t.Context(), first)
		require.Equal(t, c.first, err == nil, "%v", err)
		_, err = after.actors.SignInKey(t.Context(), second)
		require.Error(t, err)
	}
}

// The target stays within the contract of storage.
func TestWithinTheContract(t *testing.T) {
	from := filled(t, 300, "acme")
	strict := storagetest.Strict(t, memory.New())
	imported(t, export(t, from, "acme"), strict, backup.Options{Log: from})
}

// S11: moving a tenant fences the source: nobody comes in there, and what is
// guessed there is not evaluated; in the target everybody comes in.
func TestAMoveFencesTheSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := at(t, memory.New(), "acme")
		source.password("mia", right)
		k := source.key("pbx")
		pbx, mia := source.come(k), source.in("mia", right)
		claim := source.claim(pbx, mia, "call-1", "cust-1")
		ask := source.ask(claim)

		require.NoError(t, backup.Fence(t.Context(), source.store, "acme", nil))
		require.NoError(t, backup.Fence(t.Context(), source.store, "acme", nil), "it may be repeated")
		_, asRight := source.signIn("mia", right)
		_, asWrong := source.signIn("mia", "wrong "+right)
		require.ErrorIs(t, asRight, symbolon.ErrUnavailable)
		require.Equal(t, asRight.Error(), asWrong.Error(), "right and wrong look alike")
		_, err := source.actors.SignInKey(t.Context(), k)
		refused(t, err, "a key", authn.ReasonOver)
		refused(t, source.actors.Touch(t.Context(), mia), "a session", authn.ReasonOver)
		refused(t, source.answer(claim, ask), "a code", authn.ReasonOver)
		require.Error(t, source.actors.AsHost("x").SetPassword(t.Context(), "mia", right), "not even the host brings a known account back")

		target := at(t, memory.New(), "acme")
		sum := imported(t, export(t, source.store, "acme"), target.store, backup.Options{Moved: []string{"acme"}})
		require.Zero(t, sum.Unreadable)
		target.claim(target.come(k), target.in("mia", right), "call-2", "cust-1")

		// Whoever provisions at the source takes it back in part: then it counts as open.
		source.password("tom", right)
		_, err = backup.Import(t.Context(), bytes.NewReader(export(t, source.store, "acme")), memory.New(), key, &backup.Options{Moved: []string{"acme"}})
		require.ErrorIs(t, err, backup.ErrLoss)

		// A move that is given up.
		require.NoError(t, backup.Unfence(t.Context(), source.store, "acme", nil))
		refused(t, source.actors.Touch(t.Context(), mia), "a session of before stays over", authn.ReasonOver)
		source.claim(source.come(k), source.in("mia", right), "call-2", "cust-1")
		for event, times := range map[string]int{"tenant.fenced": 2, "tenant.unfenced": 1, "tenant.exported": 4} {
			page, err := source.log.List(t.Context(), audit.Query{Event: event})
			require.NoError(t, err)
			require.Len(t, page.Records, times, event)
		}

		_, err = backup.Import(t.Context(), bytes.NewReader(export(t, source.store, "acme")), memory.New(), key, &backup.Options{Moved: []string{"acme"}})
		require.ErrorIs(t, err, backup.ErrLoss, "it is not fenced any more")
	})
}

// S11: the file of a move is that on the day of the move, and for who says so. One
// that was kept brings nothing back: it is a backup like any other.
func TestTheFileOfAMoveIsNotTrustedForEver(t *testing.T) {
	moved := backup.Options{Moved: []string{"acme"}}
	for _, c := range []struct {
		because string
		later   time.Duration
		opts    backup.Options
		says    string // nothing: it is imported
	}{
		{"the move", 0, moved, ""},
		{"it took the night", 23 * time.Hour, moved, ""},
		{"a clock of the fleet was ahead when it was made", -time.Minute, moved, ""},
		{"nobody says that it is a move", 0, backup.Options{}, `"acme"`},
		{"a file that was kept", 24*time.Hour + time.Minute, moved, "good for 24h"},
		{"a clock that is wrong makes no file young", -25 * time.Hour, moved, "good for 24h"},
		{"a slip of the pen", 0, backup.Options{Moved: []string{"acne"}}, "Options.Moved names"},
		{"and later it needs what every backup needs: the log", 90 * 24 * time.Hour, backup.Options{}, "Options.Log"},
	} {
		t.Run(c.because, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				source := at(t, memory.New(), "acme")
				source.password("mia", right)
				source.password("tom", right)
				require.NoError(t, backup.Fence(t.Context(), source.store, "acme", nil))
				file := export(t, source.store, "acme")
				into := memory.New()
				if time.Sleep(c.later); c.later < 0 {
					c.opts.Now = func() time.Time { return time.Now().Add(c.later) }
				}
				_, err := backup.Import(t.Context(), bytes.NewReader(file), into, key, &c.opts)
				if c.says == "" {
					require.NoError(t, err)
					at(t, into, "acme").in("mia", right)
					return
				}
				require.ErrorContains(t, err, c.says)
				require.Empty(t, content(t, into, "acme"))

				// The move was given up, and mia dismissed: with the log she stays so.
				require.NoError(t, backup.Unfence(t.Context(), source.store, "acme", nil))
				require.NoError(t, source.actors.AsHost("left us").RevokePassword(t.Context(), "mia"))
				imported(t, file, into, backup.Options{Log: source.store})
				after := at(t, into, "acme")
				_, err = after.signIn("mia", right)
				require.ErrorIs(t, err, authn.ErrRefused)
				after.in("tom", right)
			})
		})
	}
}

// A Snapshotter is asked for one moment; the file is of that moment.
func TestSnapshot(t *testing.T) {
	s := &shifting{Store: filled(t, 100, "acme")}
	var b bytes.Buffer
	_, err := backup.Export(t.Context(), &b, s, []string{"acme"}, key, nil)
	require.NoError(t, err)
	into := memory.New()
	imported(t, b.Bytes(), into, backup.Options{AcceptLoss: []string{"acme"}})
	require.NotContains(t, content(t, into, "acme"), "acme/3f org/late")
}

// shifting is written to while its snapshot is read.
type shifting struct{ *memory.Store }

func (s *shifting) Snapshot(ctx context.Context, read func(storage.Reader) error) error {
	frozen := memory.New()
	for sh := range 64 {
		shard := fmt.Sprintf("acme/%02x", sh)
		found, err := s.Scan(ctx, shard, "", "", 1000)
		if err != nil {
			return err
		}
		for _, r := range found {
			o := storage.Op{Act: storage.Put, Name: r.Name, Cond: storage.Any, Value: r.Value, Version: r.Version, ExpiresAt: r.ExpiresAt}
			if err := frozen.Commit(ctx, storage.Batch{Shard: shard, Now: time.Unix(1, 0), Ops: []storage.Op{o}}); err != nil {
				return err
			}
		}
	}
	o := storage.Op{Act: storage.Put, Name: "org/late", Cond: storage.Any, Version: storage.Version{7}}
	if err := s.Commit(ctx, storage.Batch{Shard: "acme/3f", Now: time.Now(), Ops: []storage.Op{o}}); err != nil {
		return err
	}
	return read(frozen)
}
