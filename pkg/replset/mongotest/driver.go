package mongotest

import (
	"encoding/binary"
	"io"
	"net"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// Driver connects to a server as a driver of that name and version does, says who it is, and stays connected until the test ends.
func (m *Mongod) Driver(r *Rig, app, name, version string) {
	r.t.Helper()
	body, err := bson.Marshal(bson.D{{Key: "hello", Value: 1}, {Key: "client", Value: bson.D{
		{Key: "application", Value: bson.D{{Key: "name", Value: app}}},
		{Key: "driver", Value: bson.D{{Key: "name", Value: name}, {Key: "version", Value: version}}},
		{Key: "os", Value: bson.D{{Key: "type", Value: "Linux"}}},
	}}, {Key: "$db", Value: "admin"}})
	if err != nil {
		r.t.Fatal(err)
	}
	const opMsg = 2013
	header := make([]byte, 21)                                           // length, id, answer to, kind; flags, and the section that is one document
	binary.LittleEndian.PutUint32(header, uint32(len(header)+len(body))) //nolint:gosec // it is small
	binary.LittleEndian.PutUint32(header[12:], opMsg)
	c, err := net.DialTimeout("tcp", m.at, 5*time.Second)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { c.Close() })
	if _, err := c.Write(append(header, body...)); err != nil {
		r.t.Fatal(err)
	}
	if _, err := io.ReadFull(c, header); err != nil { // it knows us
		r.t.Fatal(err)
	}
}
