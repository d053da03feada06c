/* A custom runtime of its own: answers each event with itself, for `provided` functions.
 *
 * https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static char answer[65536];

/* Reads one answer into `answer`; returns its body, or ends the program. */
static char *receive(int connection, long *length) {
  size_t used = 0;
  for (;;) {
    ssize_t count = read(connection, answer + used, sizeof answer - 1 - used);
    if (count <= 0) exit(1);
    used += count;
    answer[used] = '\0';
    char *end = strstr(answer, "\r\n\r\n");
    if (end == NULL) continue;
    char *header = strcasestr(answer, "\r\ncontent-length:");
    *length = header != NULL && header < end ? atol(header + 17) : 0;
    if (answer + used >= end + 4 + *length) return end + 4;
  }
}

static void send_all(int connection, const char *data, size_t length) {
  while (length > 0) {
    ssize_t count = write(connection, data, length);
    if (count <= 0) exit(1);
    data += count;
    length -= count;
  }
}

int main(void) {
  static const char next[] =
      "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: runtime\r\n\r\n";
  static char request[sizeof answer + 512];
  char host[64], id[64];
  int port;
  const char *api = getenv("AWS_LAMBDA_RUNTIME_API");
  if (api == NULL || sscanf(api, "%63[^:]:%d", host, &port) != 2) return 1;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  if (inet_pton(AF_INET, host, &address.sin_addr) != 1) return 1;
  int connection = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(connection, (struct sockaddr *)&address, sizeof address) != 0) return 1;
  for (;;) {
    long length;
    send_all(connection, next, sizeof next - 1);
    char *event = receive(connection, &length);
    char *header = strcasestr(answer, "\r\nlambda-runtime-aws-request-id:");
    if (header == NULL || sscanf(header + 32, " %63[^\r]", id) != 1) return 1;
    int head = snprintf(request, sizeof request,
                        "POST /2018-06-01/runtime/invocation/%s/response HTTP/1.1\r\n"
                        "Host: runtime\r\nContent-Length: %ld\r\n\r\n",
                        id, length);
    memcpy(request + head, event, length);
    send_all(connection, request, head + length);
    receive(connection, &length);
  }
}
