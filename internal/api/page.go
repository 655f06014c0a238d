package api

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"net/http"
	"strings"
)

const htmlType = "text/html; charset=utf-8"

//go:embed pages/*.html
var pageFiles embed.FS

//go:embed pages/style.css
var pageStyle string

// pages are the pages for people. They have no script and nothing from elsewhere.
var pages = template.Must(template.New("pages").Funcs(template.FuncMap{
	"style": func() template.CSS { return template.CSS(pageStyle) },
	"prose": prose,
}).ParseFS(pageFiles, "pages/*.html"))

// render makes a page.
func render[Data any](name string, data Data) ([]byte, error) {
	var text bytes.Buffer
	if err := pages.ExecuteTemplate(&text, name, data); err != nil {
		return nil, fmt.Errorf("make page %s: %w", name, err)
	}
	return text.Bytes(), nil
}

// prose makes paragraphs of a text: an empty line is between two of them, and
// what is between backticks is code.
func prose(text string) template.HTML {
	var html strings.Builder
	for paragraph := range strings.SplitSeq(text, "\n\n") {
		html.WriteString("<p>")
		for i, part := range strings.Split(paragraph, "`") {
			part = template.HTMLEscapeString(part)
			if i%2 == 1 {
				part = "<code>" + part + "</code>"
			}
			html.WriteString(part)
		}
		html.WriteString("</p>\n")
	}
	return template.HTML(html.String())
}

// setPageHeaders forbids everything that a page does not need.
func setPageHeaders(w http.ResponseWriter, contentType string) {
	digest := sha256.Sum256([]byte(pageStyle))
	header := w.Header()
	header.Set("Content-Type", contentType)
	header.Set("Content-Security-Policy", "default-src 'none'; style-src 'sha256-"+base64.StdEncoding.EncodeToString(digest[:])+
		"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer") // an invitation's address is not for other sites
}
