// Package rowfile keeps policy rows as one CSV file that a spreadsheet and Azure Storage Explorer
// open, and tells in what such a file differs from a table.
//
// The file has a line for each row and a column for each column that a row may have. The first
// line names them: PartitionKey, RowKey, Timestamp, then the policy columns, then, far to the
// right and out of the way of whoever edits, a column NAME@type for each one that is in use, with
// the type of its cell in the table. That is the shape of Storage Explorer's own exports, which
// are read too, as are those that name the types Edm.String and so on, that name none, or that
// lack the Timestamp.
//
// Timestamp tells which version of a row the file was made from: by it [Compare] sees that a row
// was changed after the export. Storage Explorer ignores the column when it imports. A column of
// another name could not be used for this: an import would make it a column of the row, and a row
// with an unknown column invites nobody.
//
// Texts that a spreadsheet would take for a formula are written behind an apostrophe, and read
// without it.
//
// It must not know where rows are kept, and what they mean does not matter to it.
package rowfile
