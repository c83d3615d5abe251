package tables

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/data/aztables"

	"guestlist/handlers/problem"
)

// put writes r in place of any row that has its keys. doing says for errors what is being done.
func put(ctx context.Context, doing string, table *aztables.Client, r row) error {
	return upsert(ctx, doing, table, r, aztables.UpdateModeReplace)
}

// upsert is like put, or, with UpdateModeMerge, leaves the other columns of the row as they are.
func upsert(ctx context.Context, doing string, table *aztables.Client, r row, mode aztables.UpdateMode) error {
	encoded, err := r.encode()
	if err != nil {
		return failure(doing, err)
	}
	_, err = table.UpsertEntity(ctx, encoded, &aztables.UpsertEntityOptions{UpdateMode: mode})
	if err != nil {
		return failure(doing, err)
	}
	return nil
}

// add writes r, and returns it with its ETag. It is a problem.Conflict if there is a row that has
// its keys.
func add(ctx context.Context, doing string, table *aztables.Client, r row) (row, error) {
	encoded, err := r.encode()
	if err != nil {
		return row{}, failure(doing, err)
	}
	added, err := table.AddEntity(ctx, encoded, nil)
	if err != nil {
		return row{}, failure(doing, err)
	}
	r.etag = string(added.ETag)
	return r, nil
}

// replace writes r in place of the row of that version, and returns r with its new ETag. It is a
// problem.Conflict if the row is no longer of the version, or gone.
func replace(ctx context.Context, doing string, table *aztables.Client, r row, version string) (row, error) {
	encoded, err := r.encode()
	if err != nil {
		return row{}, failure(doing, err)
	}
	updated, err := table.UpdateEntity(ctx, encoded, &aztables.UpdateEntityOptions{IfMatch: ifMatch(version), UpdateMode: aztables.UpdateModeReplace})
	if hasCode(err, aztables.ResourceNotFound) {
		return row{}, problem.New(problem.Conflict, "%s: it is gone", doing)
	}
	if err != nil {
		return row{}, failure(doing, err)
	}
	r.etag = string(updated.ETag)
	return r, nil
}

// touch changes the columns of r in the row that has its keys, of any version: a problem.NotFound
// if there is none.
func touch(ctx context.Context, doing string, table *aztables.Client, r row) error {
	encoded, err := r.encode()
	if err != nil {
		return failure(doing, err)
	}
	_, err = table.UpdateEntity(ctx, encoded, &aztables.UpdateEntityOptions{UpdateMode: aztables.UpdateModeMerge})
	if err != nil {
		return failure(doing, err)
	}
	return nil
}

// remove removes the row of that version: a problem.NotFound if it is gone, a problem.Conflict if
// it is no longer of the version.
func remove(ctx context.Context, doing string, table *aztables.Client, partition, name, version string) error {
	_, err := table.DeleteEntity(ctx, partition, name, &aztables.DeleteEntityOptions{IfMatch: ifMatch(version)})
	if err != nil {
		return failure(doing, err)
	}
	return nil
}

// hashed returns a key that stands for the text: its SHA-256.
func hashed(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// removeOf removes the row if its column has that time, to 100 ns. A row of another time, or of one
// that can't be read, stays, and so does one that changes meanwhile: somebody relies on it. Without
// a row there is nothing to do.
func removeOf(
	ctx context.Context, doing string, table *aztables.Client, partition, name, column string, at time.Time,
) error {
	found, err := get(ctx, table, partition, name)
	if hasCode(err, aztables.ResourceNotFound) {
		return nil
	}
	if err != nil {
		return failure(doing, err)
	}
	columns := reader{row: found}
	stored := columns.time(column)
	if columns.err != nil || !stored.Equal(toTick(at)) {
		return nil
	}
	err = remove(ctx, doing, table, partition, name, found.etag)
	switch problem.CodeOf(err) {
	case problem.NotFound, problem.Conflict:
		return nil
	}
	return err
}
