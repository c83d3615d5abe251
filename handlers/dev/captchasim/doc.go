// Package captchasim stands in for the captcha services in tests. It verifies answers by the
// protocols of the services and as strictly, and gives the answers of a solved widget.
//
// It must not know the client: package captcha is tested against it. It imports nothing of this
// module.
package captchasim
