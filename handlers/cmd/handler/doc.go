// Command handler is the program that the Functions host starts. It reads the settings, builds the parts and serves; everything that it
// does stands in the packages that it puts together.
package main
