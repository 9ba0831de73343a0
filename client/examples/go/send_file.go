// Sends a file to one recipient, and waits until that has it.
//
// usage: send_file HOST:PORT CA_FILE TOKEN_FILE ROOT/PATH
//
// The same as ../python/send_file.py, which says more; docs/api.md says how it is built.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	tcptoolv1 "tcptool/v1"
)

// The second is longer than the service waits at most.
const callTimeout, waitTimeout = 30 * time.Second, 330 * time.Second

// What a caller shows with each call.
type token string

func (t token) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + strings.TrimSpace(string(t))}, nil
}
func (token) RequireTransportSecurity() bool { return true }

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}

func main() {
	log.SetFlags(0)
	if len(os.Args) != 5 {
		log.Fatal("usage: send_file HOST:PORT CA_FILE TOKEN_FILE ROOT/PATH")
	}
	tls := must(credentials.NewClientTLSFromFile(os.Args[2], ""))
	caller := token(must(os.ReadFile(os.Args[3])))
	options := []grpc.DialOption{grpc.WithTransportCredentials(tls), grpc.WithPerRPCCredentials(caller)}
	service := tcptoolv1.NewSessionServiceClient(must(grpc.Dial(os.Args[1], options...)))

	root, path, _ := strings.Cut(os.Args[4], "/")
	file := &tcptoolv1.SessionSpec_File{File: &tcptoolv1.FileSource{Root: root, Path: path}}
	session := &tcptoolv1.Session{Spec: &tcptoolv1.SessionSpec{Source: file, MaxRecipients: 1}}
	deadline, cancel := context.WithTimeout(context.Background(), callTimeout)
	session = must(service.CreateSession(deadline, &tcptoolv1.CreateSessionRequest{Session: session}))
	cancel()
	fmt.Println(session.DataEndpoint)
	for session.EndTime == nil {
		deadline, cancel = context.WithTimeout(context.Background(), waitTimeout)
		session = must(service.WaitSession(deadline, &tcptoolv1.WaitSessionRequest{Name: session.Name}))
		cancel()
	}
	fmt.Println(session.State, session.Error)
	if session.State != tcptoolv1.SessionState_SESSION_STATE_SUCCEEDED {
		os.Exit(1)
	}
}
