package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/symbolon-auth/symbolon"
	"github.com/symbolon-auth/symbolon/token"
)

// keys are the secrets that outlive the process: with them, tokens stay valid
// over a restart. Here they lie in a file that only its owner can read; in
// production they come from a vault, and the token key is a crypto.Signer that
// never leaves its module.
type keys struct {
	Secret    []byte `json:"secret"`                  // the realm's root secret
	Token     []byte `json:"token_key"`               // the seed of the Ed25519 key
	Backup    []byte `json:"backup_key"`              // of the files that -backup writes
	Telephony string `json:"telephony_key,omitempty"` // the exchange's own; missing until the first start is complete
}

// findKeys reads the keys, or draws them if there are none yet, which found tells.
func findKeys(path string) (k keys, found bool, err error) {
	k, err = readKeys(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return k, true, err
	}
	return keys{Secret: draw(32), Token: draw(ed25519.SeedSize), Backup: draw(32)}, false, nil
}

func draw(n int) []byte {
	key := make([]byte, n)
	_, _ = rand.Read(key) // never fails
	return key
}

// settle holds the keys against a database that was used before, or was not, and
// keeps them. A used one without its keys is refused: with new ones, its locks
// and sessions could not be read.
func (k *keys) settle(path string, found, used bool) error {
	switch {
	case used && found:
		return nil
	case used:
		return fmt.Errorf("%s is missing: restore it, or begin anew with another database", path)
	}
	k.Telephony = "" // it was a key to another database
	return k.write(path)
}

func readKeys(path string) (keys, error) {
	info, err := os.Stat(path)
	if err != nil {
		return keys{}, err
	}
	if info.Mode().Perm()&0o077 != 0 && runtime.GOOS != "windows" {
		return keys{}, fmt.Errorf("%s can be read by others: chmod 600 it, and consider its keys known", path)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return keys{}, err
	}
	var k keys
	if err := json.Unmarshal(b, &k); err != nil || len(k.Token) != ed25519.SeedSize {
		return keys{}, fmt.Errorf("%s is damaged", path) // without the error, which may quote it
	}
	return k, nil
}

// write replaces the file in one step, so that a crash leaves the old keys or
// the new ones.
func (k keys) write(path string) error {
	b, err := json.Marshal(k)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".keys-*") // for its owner alone: mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

func (k keys) secret() (symbolon.Secret, error) { return symbolon.NewSecret("1", k.Secret) }

func (k keys) signer() (token.Key, error) { return token.KeyFrom(ed25519.NewKeyFromSeed(k.Token)) }
