package azurite_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azqueue/v2"

	"guestlist/handlers/dev/azurite"
	"guestlist/handlers/dev/azurite/azuritetest"
)

// parentVariable makes this test binary the parent that is killed.
const parentVariable = "GUESTLIST_TEST_PARENT"

func TestMain(m *testing.M) {
	if os.Getenv(parentVariable) == "" {
		os.Exit(m.Run())
	}
	server, err := azurite.Start(context.Background(), azurite.Config{})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	_, port, _ := server.Ports()
	fmt.Println(port)
	select {}
}

func queue(t *testing.T, server *azurite.Server, name string) *azqueue.QueueClient {
	t.Helper()
	client, err := azqueue.NewQueueClientFromConnectionString(server.ConnectionString(), name, nil)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func TestSharedEmulatorKeepsMessages(t *testing.T) {
	server := azuritetest.Shared(t)
	client := queue(t, server, azuritetest.Name("shared"))
	_, err := client.Create(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.EnqueueMessage(t.Context(), "hello", nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := client.DequeueMessage(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Messages) != 1 || *got.Messages[0].MessageText != "hello" {
		t.Errorf("got %d messages", len(got.Messages))
	}
	if again := azuritetest.Shared(t); again != server {
		t.Error("a second call started a second emulator")
	}
}

func TestDataOnDiskOutlivesEmulator(t *testing.T) {
	location := filepath.Join(t.TempDir(), "data")
	server, err := azurite.Start(t.Context(), azurite.Config{Location: location})
	if err != nil {
		t.Fatal(err)
	}
	_, err = queue(t, server, "kept").Create(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	err = server.Stop()
	if err != nil {
		t.Fatal(err)
	}
	server, err = azurite.Start(t.Context(), azurite.Config{Location: location})
	if err != nil {
		t.Fatal(err)
	}
	_, err = queue(t, server, "kept").GetProperties(t.Context(), nil)
	if err != nil {
		t.Errorf("the queue is gone: %v", err)
	}
	err = server.Stop()
	if err != nil {
		t.Error(err)
	}
	err = server.Stop()
	if err != nil {
		t.Errorf("stopping twice: %v", err)
	}
	<-server.Done()
}

func TestErrorForTakenPort(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	port := listener.Addr().(*net.TCPAddr).Port
	var log bytes.Buffer
	_, err = azurite.Start(t.Context(), azurite.Config{QueuePort: port, Log: &log})
	if err == nil || !strings.Contains(err.Error(), "EADDRINUSE") {
		t.Errorf("err = %v", err)
	}
}

func TestErrorForMissingInstallSaysWhatToDo(t *testing.T) {
	root := t.TempDir()
	below := filepath.Join(root, "handlers", "x")
	err := os.MkdirAll(below, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(azurite.InstallVariable, "")
	t.Chdir(below)
	_, err = azurite.Start(t.Context(), azurite.Config{})
	if err == nil || !strings.Contains(err.Error(), azurite.InstallVariable) {
		t.Errorf("outside a module: %v", err)
	}
	err = os.WriteFile(filepath.Join(root, "go.mod"), []byte("module x\n"), 0o644)
	if err != nil {
		t.Fatal(err)
	}
	_, err = azurite.Start(t.Context(), azurite.Config{})
	if err == nil || !strings.Contains(err.Error(), "make setup") {
		t.Errorf("in a module: %v", err)
	}
	t.Setenv(azurite.InstallVariable, filepath.Join(root, "nothing.js"))
	_, err = azurite.Start(t.Context(), azurite.Config{})
	if err == nil || !strings.Contains(err.Error(), azurite.InstallVariable) {
		t.Errorf("a variable that names nothing: %v", err)
	}
}

func TestEmulatorEndsWithKilledParent(t *testing.T) {
	parent := exec.Command(os.Args[0])
	parent.Env = append(os.Environ(), parentVariable+"=1")
	output, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	err = parent.Start()
	if err != nil {
		t.Fatal(err)
	}
	var port int
	_, err = fmt.Fscanln(output, &port)
	if err != nil {
		t.Fatal(err)
	}
	address := fmt.Sprintf("127.0.0.1:%d", port)
	connection, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatalf("the emulator does not run: %v", err)
	}
	_ = connection.Close()
	err = parent.Process.Kill()
	if err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		connection, err := net.Dial("tcp", address)
		if err != nil {
			return
		}
		_ = connection.Close()
		if time.Now().After(deadline) {
			t.Fatal("the emulator still runs")
		}
	}
}
