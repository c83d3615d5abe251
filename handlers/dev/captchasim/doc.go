// Package challengesim stands in for the services of package challenge, for tests: it checks answers as strictly as they do, by their own
// protocols, and gives the answers that a solved widget would.
package captchasim
