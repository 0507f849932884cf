package ready

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
)

// Direct never asks a proxy: everything that the lab talks to is on this machine.
var Direct = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

// Answers asks once and wants 200; anything else is an error that quotes the beginning of the answer.
func Answers(client *http.Client, request *http.Request) error {
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, 1<<10))
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s: %s", request.URL, answer.Status, bytes.TrimSpace(body))
	}
	return nil
}
