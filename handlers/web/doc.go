// Package web reads the settings that the pages share.
//
//	site            what every page has in common: frame, style, headers, language, problem pages
//	signup, status  the pages; a further page is a further folder
//	guard           who may send what, and how much of it
//	signin, session sign-in to the review pages; who is signed in
//
// Nothing below web may know policy rows, Table Storage, Microsoft Graph or the Functions host.
// The pages for partners answer the same to a known, an unknown and a denied one.
//
// It imports only branding, settings, submission and web/guard of this module.
package web
