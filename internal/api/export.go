package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/orrery-net/orrery/internal/central"
	"github.com/orrery-net/orrery/internal/centralapi"
	"github.com/orrery-net/orrery/internal/export"
	"github.com/orrery-net/orrery/internal/gate"
	"github.com/orrery-net/orrery/internal/model"
	"github.com/orrery-net/orrery/internal/table"
	"github.com/orrery-net/orrery/zt"
)

// maxExports is how many exports one user may read at a time: formats that name
// hosts keep something of each, as long as the client takes to read.
const maxExports = 5

// exportedKind is what the rows of an export are.
type exportedKind string

const (
	exportNetworks exportedKind = "networks"
	exportMembers  exportedKind = "members"
)

type exportInput struct {
	Of              exportedKind  `query:"of" enum:"networks,members" default:"members" doc:"What is exported."`
	NetworkIDs      []string      `query:"networkId,explode" pattern:"^[0-9a-fA-F]{16}$" patternDescription:"16 hexadecimal digits" nullable:"false" maxItems:"100" doc:"These networks, or their members; can be repeated for several. Absent: all that you may read." example:"[\"8056c2e21c000001\"]"`
	Format          export.Format `query:"format" enum:"csv,tsv,ndjson,json,prometheus,hosts,ssh-config,ansible" default:"csv" doc:"What it is written as. The last four are for members only: service discovery of Prometheus (http_sd), /etc/hosts, the configuration of ssh, an inventory for Ansible in YAML."`
	Columns         string        `query:"columns" maxLength:"4000" doc:"Names of default columns, paths into the objects of Central's API, as config.routes[0].target, or NAME=PATH, with commas between them. A field of config is found without config in front. A name with a dot in it is written as [\"a.b\"]. Absent: the default columns for csv and tsv, whole objects for json and ndjson. The other formats have none." example:"id,name,config.authorized"`
	Times           string        `query:"times" enum:"ms,rfc3339" default:"ms" doc:"How columns with times are written: as milliseconds since 1970, 0 for never, or as RFC 3339 in UTC, never being empty."`
	Header          bool          `query:"header" default:"true" doc:"Whether csv and tsv begin with the names of the columns."`
	SpreadsheetSafe bool          `query:"spreadsheetSafe" default:"false" doc:"Whether text in csv and tsv that a spreadsheet would run as a formula gets a ' in front."`
	Port            int           `query:"port" minimum:"1" maximum:"65535" default:"9100" doc:"For prometheus: the port of the exporter on each member."`
	Domain          string        `query:"domain" maxLength:"253" doc:"For hosts and ssh-config: what follows the names of members; absent: the network's DNS domain. For ansible: the same, if it is there." example:"home.example"`
	All             bool          `query:"all" default:"false" doc:"Whether prometheus, hosts, ssh-config and ansible also get members that are hidden or not authorized."`
}

// fileType is the media type of a format, and the end of its file names.
func fileType(f export.Format, header bool) (contentType, extension string) {
	switch f {
	case export.CSV:
		if !header {
			return "text/csv; charset=utf-8; header=absent", "csv"
		}
		return "text/csv; charset=utf-8; header=present", "csv"
	case export.TSV:
		return "text/tab-separated-values; charset=utf-8", "tsv"
	case export.NDJSON:
		return "application/x-ndjson", "ndjson"
	case export.Ansible:
		return "application/yaml", "yaml"
	case export.Hosts, export.SSHConfig:
		return "text/plain; charset=utf-8", "txt"
	}
	return "application/json", "json"
}

const exportDescription = "Networks, or members of one or several networks, as a file for another program. The objects are those of Central's API, at `/api/v1`, " +
	"each as its operation for a single one shows it. Default columns of networks: id, name, description, totalMemberCount, creationTime, ipRangeStart, ipRangeEnd; of " +
	"members: id, lastSeen, physicalAddress, ipAssignment, name. CSV is that of RFC 4180, in UTF-8.\n\n" +
	"Rows come while they are read; hosts, ssh-config and ansible come when all members are known, as no two may have the same name. When an export " +
	"breaks off, so does the connection: what ends properly is complete. One that is not taken within two minutes breaks off, and one user may read " +
	"5 exports at a time. " +
	"Needs the right to read."

// exportExamples are examples of an export of each type.
func exportExamples() map[string]*huma.MediaType {
	text := func(example string) *huma.MediaType {
		return &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString}, Example: example}
	}
	const csv = "id,lastSeen,physicalAddress,ipAssignment,name\r\n8056c2e21c000001-8a9d09e442,1767229200000,203.0.113.7,10.9.0.7,alice's laptop\r\n"
	return map[string]*huma.MediaType{
		"text/csv":                  text(csv),
		"text/tab-separated-values": text("id\tname\n8056c2e21c000001-8a9d09e442\talice's laptop\n"),
		"application/x-ndjson":      text("{\"id\":\"8056c2e21c000001-8a9d09e442\",\"name\":\"alice's laptop\"}\n"),
		"application/yaml":          text("all:\n  hosts:\n    alice-s-laptop:\n      ansible_host: 10.9.0.7\n"),
		"text/plain":                text("10.9.0.7 alice-s-laptop.home.example\n"),
		"application/json": {
			Schema: &huma.Schema{Type: huma.TypeArray, Items: &huma.Schema{
				Type: huma.TypeObject, AdditionalProperties: true,
				Description: "A network or a member of Central's API, or its columns; for prometheus, targets and labels.",
			}},
			Example: []any{map[string]any{"id": "8056c2e21c000001-8a9d09e442", "name": "alice's laptop"}},
		},
	}
}

func (a *api) registerExport() {
	handle(a, huma.Operation{
		OperationID: "export", Method: http.MethodGet, Path: "/export", Tags: []string{tagExport}, Errors: []int{http.StatusNotFound},
		Summary:     "Export networks or members",
		Description: exportDescription,
		Responses:   map[string]*huma.Response{"200": {Description: "OK", Content: exportExamples()}},
	}, a.openExport)
}

// openExport checks what is asked for; the export follows when huma calls Body.
func (a *api) openExport(ctx context.Context, caller central.Caller, in *exportInput) (*huma.StreamResponse, error) {
	options, err := in.options()
	if err != nil {
		return nil, err
	}
	networks, err := a.networksOf(ctx, caller, in.NetworkIDs)
	if err != nil {
		return nil, err
	}
	x := &exporter{api: a, caller: caller, of: in.Of, networks: networks, named: len(in.NetworkIDs) > 0}
	x.name = string(in.Of)
	if x.named && len(networks) == 1 {
		x.name += "-" + networks[0].ID.String()
	}
	x.contentType, x.extension = fileType(in.Format, in.Header)
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		x.r, x.w = humago.Unwrap(ctx)
		if !a.exports.enter(caller.User.ID) {
			x.w.Header().Set("Retry-After", "1")
			a.fail(x.w, x.r, central.NewError(central.RateLimited, "you read %d exports already; let one end first", maxExports))
			return
		}
		defer a.exports.leave(caller.User.ID)
		rows, err := export.NewText(x, in.Format, options)
		if errors.Is(err, export.ErrOptions) {
			err = central.NewError(central.Invalid, "%s", err)
		}
		if err == nil {
			err = x.run(rows)
		}
		if err != nil {
			a.fail(x.w, x.r, err)
		}
	}}, nil
}

// options are those of the export's writer.
func (in *exportInput) options() (export.Options, error) {
	options := export.Options{
		Members: in.Of == exportMembers, Complete: len(in.NetworkIDs) == 0, NoHeader: !in.Header, SpreadsheetSafe: in.SpreadsheetSafe,
		Port: in.Port, Domain: in.Domain, All: in.All,
	}
	if in.Times == "rfc3339" {
		options.Times = table.RFC3339
	}
	known := table.Networks()
	if options.Members {
		known = table.Members()
	}
	options.Columns = known
	if in.Columns == "" {
		return options, nil
	}
	if !slices.Contains([]export.Format{export.CSV, export.TSV, export.JSON, export.NDJSON}, in.Format) {
		return options, invalid("query.columns", fmt.Sprintf("expected only with csv, tsv, json or ndjson: %s has no columns", in.Format))
	}
	var err error
	if options.Columns, err = table.ParseColumns(in.Columns, known); err != nil {
		return options, invalid("query.columns", err.Error())
	}
	options.Chosen = true
	return options, nil
}

// networksOf reads the networks with these ids, each once, or all that the caller
// may read.
func (a *api) networksOf(ctx context.Context, caller central.Caller, ids []string) ([]central.NetworkStatus, error) {
	if len(ids) == 0 {
		return a.service.Networks(ctx, caller)
	}
	var networks []central.NetworkStatus
	seen := make(map[zt.NetworkID]bool)
	for _, text := range ids {
		var id networkID
		if err := id.UnmarshalText([]byte(text)); err != nil {
			return nil, invalid("query.networkId", err.Error())
		}
		if seen[id.NetworkID] {
			continue
		}
		seen[id.NetworkID] = true
		n, err := a.service.Network(ctx, caller, id.NetworkID)
		if err != nil {
			return nil, err
		}
		networks = append(networks, n)
	}
	return networks, nil
}

// exporter is one export on its way to a client.
type exporter struct {
	*api
	caller                       central.Caller
	of                           exportedKind
	networks                     []central.NetworkStatus
	named                        bool   // by the request, so that each must be there
	name, extension, contentType string // of the file
	w                            http.ResponseWriter
	r                            *http.Request
	begun, failed                bool
}

// run exports. Its error is one to answer with, when nothing is on its way yet;
// later the connection is broken, which alone tells the client that the rest is
// missing.
func (x *exporter) run(rows export.Writer) error {
	if x.r.Method == http.MethodHead {
		rows.Abort()
		x.begin()
		return nil
	}
	ctx := x.r.Context()
	err := x.writeAll(ctx, rows)
	if err == nil {
		err = rows.Close(ctx)
	} else {
		rows.Abort()
	}
	if err == nil {
		x.begin() // if there was nothing to write
		return nil
	}
	if !x.begun {
		return err
	}
	level := slog.LevelError
	if x.failed || ctx.Err() != nil { // the client left
		level = slog.LevelDebug
	}
	x.log.Log(ctx, level, "export broke off", "request", gate.RequestID(ctx), "error", err)
	panic(http.ErrAbortHandler)
}

// writeAll writes each network, followed by its members if these are exported.
func (x *exporter) writeAll(ctx context.Context, rows export.Writer) error {
	clock := x.service.Now()
	for _, n := range x.networks {
		network, err := centralapi.NetworkObject(n, clock)
		if err != nil {
			return err
		}
		if err := rows.Write(ctx, export.Row{Network: network}); err != nil {
			return err
		}
		if x.of == exportNetworks {
			continue
		}
		err = x.service.Members(ctx, x.caller, n.ID, func(m model.MemberStatus) error {
			return rows.Write(ctx, export.Row{Network: network, Member: centralapi.MemberObject(m, clock)})
		})
		if isKind(err, central.NotFound) && !x.named {
			continue // it was deleted, or taken from the caller, in between
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (x *exporter) begin() {
	if x.begun {
		return
	}
	x.begun = true
	header := x.w.Header()
	header.Set("Content-Type", x.contentType)
	header.Set("Content-Disposition", `attachment; filename="`+x.name+"."+x.extension+`"`)
	x.w.WriteHeader(http.StatusOK)
}

// Write sends a part of the export, the header before the first.
func (x *exporter) Write(b []byte) (int, error) {
	x.begin()
	n, err := x.w.Write(b)
	x.failed = x.failed || err != nil
	return n, err
}
