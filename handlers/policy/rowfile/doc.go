// Package rowfile reads and writes policy rows as a CSV file that spreadsheets and Azure Storage
// Explorer open, and compares such a file with a table.
//
// The file has a line for each row. The first line names the columns: PartitionKey, RowKey,
// Timestamp, the policy columns and then, far to the right, a column NAME@type for each one in
// use, with the type of its cell in the table. That is the form of Storage Explorer's exports.
// These are read too, as are files with types like Edm.String, without types, or without
// Timestamp.
//
// Timestamp is the version of the row that the file was made from: it shows [Compare] that a row
// was changed after the export. Storage Explorer ignores it when it imports. Under another name
// it would become a column of the row, and a row with an unknown column invites nobody.
//
// Cells that some spreadsheet would calculate or change (formulas, numbers such as 00123456, dates,
// truth values in texts) are written with an apostrophe before them, and read without it. So a file
// that was opened and saved says what it said before. Storage Explorer takes the apostrophe for a
// part of the text.
//
// Of cells without one, days and truth values are read in the form that a spreadsheet gives them
// where that can mean one thing only.
//
// The package must not know where rows are kept or what they mean. It imports only policy and
// problem of this module.
package rowfile
