// Reads the audit log's public side with Go's own transparency-log packages: the checkpoint's signature, every tile
// against the root, inclusion of each record and consistency with an earlier checkpoint.
package main

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// The height of a tile in C2SP tlog-tiles.
const height = 8

type tiles struct{ base string }

func (t tiles) Height() int                     { return height }
func (t tiles) SaveTiles([]tlog.Tile, [][]byte) {}
func (t tiles) ReadTiles(list []tlog.Tile) ([][]byte, error) {
	var out [][]byte
	for _, tile := range list {
		// Go's own paths name the height; the standard leaves it out.
		path := strings.Replace(tile.Path(), fmt.Sprintf("tile/%d/", height), "tile/", 1)
		data, err := get(t.base + "/audit/" + path)
		if err != nil {
			return nil, err
		}
		out = append(out, data)
	}
	return out, nil
}

func get(url string) ([]byte, error) {
	answer, err := http.Get(url)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", url, answer.Status)
	}
	return io.ReadAll(io.LimitReader(answer.Body, 1<<20))
}

func head(base string, known note.Verifiers) (tlog.Tree, error) {
	data, err := get(base + "/audit/checkpoint")
	if err != nil {
		return tlog.Tree{}, err
	}
	signed, err := note.Open(data, known)
	if err != nil {
		return tlog.Tree{}, err
	}
	lines := strings.Split(signed.Text, "\n")
	if len(lines) < 3 {
		return tlog.Tree{}, fmt.Errorf("a checkpoint of %d lines", len(lines))
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return tlog.Tree{}, err
	}
	root, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil || len(root) != tlog.HashSize {
		return tlog.Tree{}, fmt.Errorf("a root of %d bytes", len(root))
	}
	return tlog.Tree{N: size, Hash: tlog.Hash(root)}, nil
}

func judge(base, key, login, password string) error {
	verifier, err := note.NewVerifier(key)
	if err != nil {
		return fmt.Errorf("the log's key: %w", err)
	}
	known := note.VerifierList(verifier)
	first, err := head(base, known)
	if err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	// A sign-in leaves a record, so the tree grows.
	body := strings.NewReader(fmt.Sprintf(`{"login":%q,"password":%q}`, login, password))
	if _, err := http.Post(base+"/api/v1/portal/session", "application/json", body); err != nil {
		return err
	}
	second := first
	for round := 0; second.N == first.N && round < 40; round++ {
		time.Sleep(100 * time.Millisecond)
		if second, err = head(base, known); err != nil {
			return fmt.Errorf("checkpoint: %w", err)
		}
	}
	reader := tlog.TileHashReader(second, tiles{base})
	for record := int64(0); record < second.N; record++ {
		proof, err := tlog.ProveRecord(second.N, record, reader)
		if err != nil {
			return fmt.Errorf("record %d: %w", record, err)
		}
		hashes, err := reader.ReadHashes([]int64{tlog.StoredHashIndex(0, record)})
		if err != nil {
			return fmt.Errorf("record %d: %w", record, err)
		}
		if err := tlog.CheckRecord(proof, second.N, second.Hash, record, hashes[0]); err != nil {
			return fmt.Errorf("record %d: %w", record, err)
		}
	}
	proof, err := tlog.ProveTree(second.N, first.N, reader)
	if err != nil {
		return fmt.Errorf("consistency: %w", err)
	}
	if err := tlog.CheckTree(proof, second.N, second.Hash, first.N, first.Hash); err != nil {
		return fmt.Errorf("consistency: %w", err)
	}
	if second.N == first.N {
		return fmt.Errorf("the sign-in was not numbered within 4 seconds")
	}
	forged := second
	forged.Hash[0] ^= 1
	if _, err := tlog.TileHashReader(forged, tiles{base}).ReadHashes([]int64{0}); err == nil {
		return fmt.Errorf("a forged root was believed: this judge judges nothing")
	}
	fmt.Printf("%d records are in the tree, which extends the one of %d\n", second.N, first.N)
	return nil
}

func main() {
	if err := judge(os.Args[1], os.Args[2], os.Args[3], os.Args[4]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
