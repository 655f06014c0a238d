package store

import (
	"context"
	"database/sql"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"

	"github.com/orrery-net/orrery/internal/model"
)

// SaveTokenUses stores when and from where tokens were last shown, in portions
// between which updates get their turn. A use that is newer in the store stays,
// and uses of tokens that are gone are dropped. Like SaveSeen it does not wait
// for the disk.
func (s *Store) SaveTokenUses(ctx context.Context, uses []model.TokenUse) error {
	for portion := range slices.Chunk(uses, seenPage) {
		err := s.savePortion(ctx, func(ctx context.Context) error {
			for i := range portion {
				if err := s.saveTokenUse(ctx, &portion[i]); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return s.explain(fmt.Errorf("store when tokens were used: %w", err))
		}
	}
	return nil
}

func (s *Store) saveTokenUse(ctx context.Context, use *model.TokenUse) error {
	address := ""
	if use.From.IsValid() {
		address = use.From.String()
	}
	_, err := s.seen.exec(ctx, `
		INSERT INTO token_uses (hash, time, address)
		SELECT hash, CAST($2 AS BIGINT), CAST($3 AS TEXT) FROM tokens WHERE hash = $1
		ON CONFLICT (hash) DO UPDATE SET time = excluded.time, address = excluded.address
		WHERE excluded.time >= token_uses.time`,
		hex.EncodeToString(use.Hash[:]), use.Time, address)
	return err
}

const usesOfTokens = "SELECT u.hash, u.time, u.address FROM tokens t JOIN token_uses u ON u.hash = t.hash WHERE t.user_id = $1"

// TokenUses returns the last uses of a user's tokens, by hash; tokens never
// used are missing.
func (s *Store) TokenUses(ctx context.Context, user string) (map[[32]byte]model.TokenUse, error) {
	uses := make(map[[32]byte]model.TokenUse)
	err := s.each(ctx, "read when tokens were used", usesOfTokens,
		[]any{user}, func(row *sql.Rows) error {
			var use model.TokenUse
			var hash, address string
			err := row.Scan(&hash, &use.Time, &address)
			if err == nil {
				use.Hash, err = decodeHash(hash)
			}
			if err == nil && address != "" {
				use.From, err = netip.ParseAddr(address)
			}
			uses[use.Hash] = use
			return err
		})
	if err != nil {
		return nil, err
	}
	return uses, nil
}
