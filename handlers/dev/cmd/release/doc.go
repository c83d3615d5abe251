// Command release builds the admin's command for each platform, packs each build into an archive
// with the licence and the README, and writes the checksums of all files of a release.
//
// Windows gets zips, and the others tar.gz files, which keep the execute bit. The same sources,
// version and Go version give the same bytes.
//
// It imports nothing of this module.
package main
