// Package archtest tests the repository itself: which room may use which, that
// every package says what it is, and that every dependency is explained. It
// holds tests only.
package archtest
