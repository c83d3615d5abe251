// Package signin signs people in to the review pages with the stand-in for Microsoft Entra
// (dev/signinsim) and with a certified OpenID provider that this project did not write (npm
// oidc-provider), and wants the same of both: of the sign-in, that it works and that attacks are
// refused; of the stand-in, that it is as strict as the provider.
package signin
