// Package fakegitea answers like Gitea where access tokens are concerned, as it
// was recorded from running servers: also where that is surprising (no
// credentials are 403, the secret is called sha1, times are of year 1, scopes
// come back in another form, a page has at most 50 tokens, an old server
// answers an unknown path in plain text). Tests of the client run against it
// and, with GITEA_URL and GITEA_ADMIN (login:password of a site
// administrator), the same ones against a real server.
package fakegitea
