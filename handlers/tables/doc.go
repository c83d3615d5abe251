// Package tables keeps requests, claims, due times and policy rows in Azure Table Storage. It is the only package that imports the tables SDK.
//
// It must not decide anything: it stores what package invite hands it, under ETags, with keys that nobody outside can choose.
package tables
