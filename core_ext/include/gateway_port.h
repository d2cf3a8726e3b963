/* A port of the gateway in shared memory, for clients in C and C++: layout, constants and the few
   calls a client needs. C11 and POSIX, gcc or clang, nothing else. docs/guides/shared_memory.md
   explains it. One thread may send and one may receive; they may be the same. */
#ifndef GATEWAY_PORT_H
#define GATEWAY_PORT_H

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#ifdef __cplusplus
extern "C" {
#endif

#define GATEWAY_PORT_LAYOUT_VERSION 1u
#define GATEWAY_PORT_LANE_MAGIC 0x4C4E4157u
#define GATEWAY_PORT_LANE_VERSION 1u
#define GATEWAY_PORT_ENTRY_BYTES 128u
#define GATEWAY_PORT_LANE_HEADER_BYTES 256u
#define GATEWAY_PORT_MAGIC "GWPORT01"

/* Kinds of requests. */
enum {
  GATEWAY_PORT_NEW_ORDER = 1,
  GATEWAY_PORT_CANCEL = 2,
  GATEWAY_PORT_REPLACE = 3,
  GATEWAY_PORT_MASS_CANCEL = 4,
  GATEWAY_PORT_QUERY = 5, /* one order of this principal, or all open ones */
  GATEWAY_PORT_PING = 6   /* through the engine and back; changes nothing */
};

/* Kinds of replies: the numbers of the journal's records, and three of the port's own. */
enum {
  GATEWAY_PORT_ORDER_NEW = 30,
  GATEWAY_PORT_ORDER_REFUSED = 31,
  GATEWAY_PORT_CANCEL_REQUESTED = 32,
  GATEWAY_PORT_REPLACE_REQUESTED = 33,
  GATEWAY_PORT_ORDER_TRIGGERED = 34,
  GATEWAY_PORT_ORDER_ACCEPTED = 40,
  GATEWAY_PORT_ORDER_REJECTED = 41,
  GATEWAY_PORT_ORDER_CANCELED = 42,
  GATEWAY_PORT_ORDER_EXPIRED = 43,
  GATEWAY_PORT_ORDER_REPLACED = 44,
  GATEWAY_PORT_CANCEL_REJECTED = 45,
  GATEWAY_PORT_REPLACE_REJECTED = 46,
  GATEWAY_PORT_ORDER_UNKNOWN = 47,
  GATEWAY_PORT_ORDER_NOT_SENT = 48,
  GATEWAY_PORT_ORDER_FILLED = 49,
  GATEWAY_PORT_FILL_BUSTED = 50,
  GATEWAY_PORT_FILL_CORRECTED = 51,
  GATEWAY_PORT_PONG = 200,
  GATEWAY_PORT_ORDER_IMAGE = 201,
  GATEWAY_PORT_IMAGES_END = 202 /* current = images sent, would_be = images left out */
};

/* Why the gateway ended a port: `end` in both lanes. */
enum {
  GATEWAY_PORT_END_NONE = 0,
  GATEWAY_PORT_END_CLIENT = 1,      /* the client's socket closed */
  GATEWAY_PORT_END_BAD_INDEX = 2,   /* head or tail outside what was possible */
  GATEWAY_PORT_END_BAD_KIND = 3,    /* a message of no known kind */
  GATEWAY_PORT_END_BAD_LENGTH = 4,  /* a length that does not fit the kind, or a cut message */
  GATEWAY_PORT_END_TOO_FAST = 5,    /* 100 requests in a row beyond the rate */
  GATEWAY_PORT_END_KEY_REVOKED = 6,
  GATEWAY_PORT_END_STOPPING = 7
};

enum {
  GATEWAY_PORT_BUY = 1,
  GATEWAY_PORT_SELL = 2,
  GATEWAY_PORT_MARKET = 1,
  GATEWAY_PORT_LIMIT = 2,
  GATEWAY_PORT_STOP = 3,
  GATEWAY_PORT_STOP_LIMIT = 4,
  GATEWAY_PORT_DAY = 0,
  GATEWAY_PORT_GTC = 1,
  GATEWAY_PORT_IOC = 3,
  GATEWAY_PORT_FOK = 4,
  GATEWAY_PORT_GTD = 6,
  GATEWAY_PORT_POST_ONLY = 1, /* flags, one bit each */
  GATEWAY_PORT_REDUCE_ONLY = 2,
  GATEWAY_PORT_EMULATE = 8,
  GATEWAY_PORT_TEXT_CLIENT_ID = 16,
  GATEWAY_PORT_QUERY_ALL_OPEN = 1 /* detail of a query */
};

/* First 256 bytes of a lane. The producer alone writes `tail`, the consumer alone writes `head`;
   both count entries and never wrap. Entry n is at byte 256 + 128 * (n modulo capacity). */
struct gateway_port_lane {
  uint32_t magic;
  uint32_t version;
  uint32_t entry_bytes;
  uint32_t capacity; /* power of two */
  uint64_t epoch;    /* boot of the gateway */
  uint32_t port;
  uint32_t needs_wake; /* 1: send one byte on the socket after publishing */
  uint8_t reserved_consumer[32];
  uint64_t head;
  uint8_t reserved_producer[56];
  uint64_t tail;
  uint8_t reserved_engine[56];
  uint64_t overruns; /* replies that found the lane full and were dropped: ask again */
  uint32_t end;      /* GATEWAY_PORT_END_*; 0 while the port is served */
  uint8_t reserved[52];
};

struct gateway_port_header {
  uint16_t kind;
  uint8_t entries; /* of 128 bytes, with this one */
  uint8_t detail;
  uint32_t principal; /* 0; the gateway knows who asks */
  uint64_t request;   /* the client's own number, not 0: it comes back in the answer */
};

/* Prices and quantities are whole numbers in the instrument's scales; 0 = absent. What is reserved
   must be zero. A numeric client id stands alone (one entry), a text id needs the second entry and
   its flag. */
struct gateway_port_new_order {
  struct gateway_port_header header;
  uint64_t client_number;
  int64_t price;
  int64_t quantity;
  uint32_t instrument;
  uint32_t account;
  uint32_t strategy;
  uint8_t type;
  uint8_t side;
  uint8_t time_in_force;
  uint8_t flags;
  uint8_t leg;
  uint8_t overrides; /* GATEWAY_OVERRIDE_*, of a principal with that scope */
  uint16_t cross_ms; /* kept so long to be crossed with an opposite order, 0 = not */
  uint8_t reserved_bytes[4];
  int64_t trigger_price;
  int64_t display_quantity;
  int64_t expires_ns;
  uint64_t reserved[5];
  char client_id[64];
  uint64_t reserved_tail[8];
};

struct gateway_port_cancel {
  struct gateway_port_header header;
  uint64_t order_id;
  uint64_t reserved[13];
};

struct gateway_port_replace {
  struct gateway_port_header header;
  uint64_t order_id;
  uint64_t client_number;
  int64_t price;    /* 0 = unchanged */
  int64_t quantity; /* total; 0 = unchanged */
  uint64_t reserved[2];
  char client_id[64];
};

struct gateway_port_mass_cancel { /* 0 = any */
  struct gateway_port_header header;
  uint32_t account;
  uint32_t strategy;
  uint32_t instrument;
  uint32_t venue;
  uint64_t reserved[12];
};

struct gateway_port_query {
  struct gateway_port_header header;
  uint64_t order_id; /* or one of the two client ids */
  uint64_t client_number;
  char client_id[64];
  uint64_t reserved[4];
};

struct gateway_port_reply {
  uint64_t sequence; /* of the record in the journal; 0 = nothing was recorded */
  uint64_t request;  /* of the request this answers; 0 = an event */
  uint64_t order_id;
  uint16_t kind;
  uint16_t refusal; /* number in docs/reference/refusals.md; 0 = taken */
  int32_t level;    /* 0 instrument, 1 strategy, 2 account, 3 venue, 4 firm; -1 = none */
  int64_t limit;    /* of an explained refusal */
  int64_t current;  /* 1 in ORDER_NEW: this order was known already */
  int64_t would_be;
  int64_t working;
  /* The order as it stands after this event; zero when there is none. */
  uint64_t client_number;
  int64_t price;
  int64_t quantity;
  int64_t cumulative;
  uint64_t value_low; /* sum of the fills' values at 10^-18, 128 bits, two's complement */
  int64_t value_high;
  uint32_t instrument;
  uint8_t state;
  uint8_t overlay;
  uint8_t side;
  uint8_t type;
  uint32_t account;
  uint32_t strategy;
};

/* On the socket (SOCK_SEQPACKET): login, then welcome with the descriptors of the request lane and
   the reply lane; then any number of lookups and wakes. Closing the socket ends the port. */
struct gateway_port_login {
  char magic[8];
  uint32_t layout_version;
  uint32_t cancels_on_disconnect;
  uint64_t reserved;
  char key[256]; /* KEYID.SECRET, zero-padded */
};

struct gateway_port_welcome {
  char magic[8];
  uint32_t layout_version;
  uint32_t refusal; /* 0 = this port is yours */
  uint32_t port;
  uint32_t principal;
  char text[104]; /* code of the refusal and its rule */
};

enum {
  GATEWAY_PORT_INSTRUMENT = 1,
  GATEWAY_PORT_ACCOUNT = 2,
  GATEWAY_PORT_STRATEGY = 3,
  GATEWAY_PORT_VENUE = 4
};

struct gateway_port_lookup {
  uint32_t kind;
  uint32_t reserved;
  char name[56];
};

struct gateway_port_found {
  uint32_t kind;
  uint32_t id; /* 0 = no such name */
  uint32_t price_scale;
  uint32_t quantity_scale;
  char name[48];
};

#define GATEWAY_PORT_CHECK(name, condition) typedef char name[(condition) ? 1 : -1]
GATEWAY_PORT_CHECK(gateway_port_check_lane, sizeof(struct gateway_port_lane) == 256);
GATEWAY_PORT_CHECK(gateway_port_check_new, sizeof(struct gateway_port_new_order) == 256);
GATEWAY_PORT_CHECK(gateway_port_check_cancel, sizeof(struct gateway_port_cancel) == 128);
GATEWAY_PORT_CHECK(gateway_port_check_replace, sizeof(struct gateway_port_replace) == 128);
GATEWAY_PORT_CHECK(gateway_port_check_mass, sizeof(struct gateway_port_mass_cancel) == 128);
GATEWAY_PORT_CHECK(gateway_port_check_query, sizeof(struct gateway_port_query) == 128);
GATEWAY_PORT_CHECK(gateway_port_check_reply, sizeof(struct gateway_port_reply) == 128);
GATEWAY_PORT_CHECK(gateway_port_check_login, sizeof(struct gateway_port_login) == 280);
GATEWAY_PORT_CHECK(gateway_port_check_welcome, sizeof(struct gateway_port_welcome) == 128);
GATEWAY_PORT_CHECK(gateway_port_check_found, sizeof(struct gateway_port_found) == 64);

/* One attached port. Zero it before connecting. */
struct gateway_port {
  int socket;
  struct gateway_port_lane *requests;
  struct gateway_port_lane *replies;
  uint64_t request_bytes;
  uint64_t reply_bytes;
  uint64_t head_seen;    /* of the request lane */
  uint64_t request;      /* last number given */
  uint64_t gap_seen;     /* overruns the client has been told of */
  struct gateway_port_welcome welcome;
};

static inline uint64_t gateway_port_load(const uint64_t *word) {
  return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static inline unsigned char *gateway_port_entry(struct gateway_port_lane *lane, uint64_t index) {
  const uint64_t place = index & (lane->capacity - 1u);
  return (unsigned char *)lane + GATEWAY_PORT_LANE_HEADER_BYTES + place * GATEWAY_PORT_ENTRY_BYTES;
}

/* Publishes one message of `entries` entries: all of it becomes visible at once. 1 = sent, 0 = the
   lane is full. */
static inline int gateway_port_push(struct gateway_port *port, const void *message,
                                    unsigned entries) {
  struct gateway_port_lane *lane = port->requests;
  const uint64_t tail = lane->tail; /* nobody else writes it */
  unsigned i;
  if (tail + entries - port->head_seen > lane->capacity) {
    /* Pairs with the engine's release: it is done with the entries it gave back. */
    port->head_seen = gateway_port_load(&lane->head);
    if (tail + entries - port->head_seen > lane->capacity) return 0;
  }
  for (i = 0; i < entries; ++i) {
    memcpy(gateway_port_entry(lane, tail + i),
           (const unsigned char *)message + i * GATEWAY_PORT_ENTRY_BYTES, GATEWAY_PORT_ENTRY_BYTES);
  }
  /* Pairs with the engine's acquire: the entries are complete before they are counted. */
  __atomic_store_n(&lane->tail, tail + entries, __ATOMIC_RELEASE);
  if (lane->needs_wake) {
    ssize_t sent = send(port->socket, "", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)sent; /* A full socket wakes as well. */
  }
  return 1;
}

/* Takes one reply. 1 = there was one, 0 = none waits. */
static inline int gateway_port_next(struct gateway_port *port, struct gateway_port_reply *reply) {
  struct gateway_port_lane *lane = port->replies;
  const uint64_t head = lane->head; /* nobody else writes it */
  if (gateway_port_load(&lane->tail) == head) return 0;
  memcpy(reply, gateway_port_entry(lane, head), sizeof *reply);
  /* Pairs with the engine's acquire: the copy is finished before the place is given back. */
  __atomic_store_n(&lane->head, head + 1u, __ATOMIC_RELEASE);
  return 1;
}

/* 1 once after replies were lost: ask for what is open with gateway_port_query_all. */
static inline int gateway_port_take_gap(struct gateway_port *port) {
  const uint64_t overruns = gateway_port_load(&port->replies->overruns);
  if (overruns == port->gap_seen) return 0;
  port->gap_seen = overruns;
  return 1;
}

/* Why the gateway ended this port, 0 while it is served. */
static inline uint32_t gateway_port_end(const struct gateway_port *port) {
  return __atomic_load_n(&port->replies->end, __ATOMIC_ACQUIRE);
}

/* 1 while the gateway is there. One system call: for a client that waits in vain, since a gateway
   that was killed could not say why in `end`. */
static inline int gateway_port_is_served(const struct gateway_port *port) {
  char byte;
  if (gateway_port_end(port) != 0) return 0;
  return recv(port->socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
         (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
}

static inline int64_t gateway_port_now_ns(void) {
  struct timespec now;
#ifdef CLOCK_MONOTONIC
  (void)clock_gettime(CLOCK_MONOTONIC, &now);
#else
  (void)timespec_get(&now, TIME_UTC); /* strict C11 without POSIX names in <time.h> */
#endif
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Spins for the next reply, at most `wait_ns`. */
static inline int gateway_port_wait(struct gateway_port *port, struct gateway_port_reply *reply,
                                    int64_t wait_ns) {
  const int64_t deadline = gateway_port_now_ns() + wait_ns;
  do {
    int round;
    for (round = 0; round < 256; ++round) {
      if (gateway_port_next(port, reply)) return 1;
    }
  } while (gateway_port_now_ns() < deadline);
  return 0;
}

/* The calls below fill in kind, entries and request, and return that request, 0 = lane full. */
static inline uint64_t gateway_port_send(struct gateway_port *port, void *message, uint16_t kind,
                                         unsigned entries) {
  struct gateway_port_header *header = (struct gateway_port_header *)message;
  header->kind = kind;
  header->entries = (uint8_t)entries;
  header->principal = 0;
  header->request = port->request + 1u;
  if (!gateway_port_push(port, message, entries)) return 0;
  return ++port->request;
}

static inline uint64_t gateway_port_submit(struct gateway_port *port,
                                           struct gateway_port_new_order *order) {
  const int has_text = order->client_id[0] != 0;
  if (has_text) order->flags |= GATEWAY_PORT_TEXT_CLIENT_ID;
  return gateway_port_send(port, order, GATEWAY_PORT_NEW_ORDER, has_text ? 2u : 1u);
}

/* An order prepared once, of which only what is open is filled in at each submission. `order` holds
   everything that stays, zero where `open` has a bit, and no client_id: each order is named by its
   number. What comes out is an ordinary message: the gate judges it as any other. */
enum {
  GATEWAY_PORT_OPEN_QUANTITY = 1,
  GATEWAY_PORT_OPEN_PRICE = 2,
  GATEWAY_PORT_OPEN_TRIGGER_PRICE = 4,
  GATEWAY_PORT_OPEN_DISPLAY_QUANTITY = 8,
  GATEWAY_PORT_OPEN_EXPIRES = 16
};
struct gateway_port_template {
  struct gateway_port_new_order order;
  uint32_t open; /* GATEWAY_PORT_OPEN_* */
};
struct gateway_port_values { /* 0 = absent */
  uint64_t client_number;
  int64_t quantity;
  int64_t price;
  int64_t trigger_price;
  int64_t display_quantity;
  int64_t expires_ns;
};

/* 1: `value` is there exactly when it is open, and is written. */
static inline int gateway_port_fill_in(uint32_t open, uint32_t bit, int64_t value, int64_t *place) {
  if ((open & bit) != 0) *place = value;
  return value < 0 ? 0 : ((open & bit) != 0) == (value != 0);
}

/* Writes the template's order with these values. 0: one is missing, unexpected or negative, and the
   order must not be sent. */
static inline int gateway_port_fill(const struct gateway_port_template *from,
                                    const struct gateway_port_values *values,
                                    struct gateway_port_new_order *order) {
  int is_good = values->client_number != 0 && from->order.client_id[0] == 0;
  *order = from->order;
  order->client_number = values->client_number;
  is_good &= gateway_port_fill_in(from->open, GATEWAY_PORT_OPEN_QUANTITY, values->quantity,
                                  &order->quantity);
  is_good &=
      gateway_port_fill_in(from->open, GATEWAY_PORT_OPEN_PRICE, values->price, &order->price);
  is_good &= gateway_port_fill_in(from->open, GATEWAY_PORT_OPEN_TRIGGER_PRICE,
                                  values->trigger_price, &order->trigger_price);
  is_good &= gateway_port_fill_in(from->open, GATEWAY_PORT_OPEN_DISPLAY_QUANTITY,
                                  values->display_quantity, &order->display_quantity);
  is_good &= gateway_port_fill_in(from->open, GATEWAY_PORT_OPEN_EXPIRES, values->expires_ns,
                                  &order->expires_ns);
  return is_good;
}

static inline uint64_t gateway_port_cancel_order(struct gateway_port *port, uint64_t order_id) {
  struct gateway_port_cancel message;
  memset(&message, 0, sizeof message);
  message.order_id = order_id;
  return gateway_port_send(port, &message, GATEWAY_PORT_CANCEL, 1);
}

static inline uint64_t gateway_port_replace_order(struct gateway_port *port,
                                                  struct gateway_port_replace *change) {
  return gateway_port_send(port, change, GATEWAY_PORT_REPLACE, 1);
}

static inline uint64_t gateway_port_cancel_all(struct gateway_port *port,
                                               struct gateway_port_mass_cancel *which) {
  return gateway_port_send(port, which, GATEWAY_PORT_MASS_CANCEL, 1);
}

static inline uint64_t gateway_port_query_order(struct gateway_port *port,
                                                struct gateway_port_query *which) {
  return gateway_port_send(port, which, GATEWAY_PORT_QUERY, 1);
}

static inline uint64_t gateway_port_query_all(struct gateway_port *port) {
  struct gateway_port_query message;
  memset(&message, 0, sizeof message);
  message.header.detail = GATEWAY_PORT_QUERY_ALL_OPEN;
  return gateway_port_send(port, &message, GATEWAY_PORT_QUERY, 1);
}

static inline uint64_t gateway_port_ping(struct gateway_port *port) {
  struct gateway_port_query message;
  memset(&message, 0, sizeof message);
  return gateway_port_send(port, &message, GATEWAY_PORT_PING, 1);
}

/* Unmaps, closes, and so ends the port. */
static inline void gateway_port_close(struct gateway_port *port) {
  if (port->requests) (void)munmap(port->requests, port->request_bytes);
  if (port->replies) (void)munmap(port->replies, port->reply_bytes);
  if (port->socket > 0) (void)close(port->socket);
  port->requests = port->replies = 0;
  port->socket = -1;
}

/* Maps one lane; the descriptor is closed. NULL: the layout is not this one. */
static inline struct gateway_port_lane *gateway_port_map(int file, uint64_t *bytes) {
  struct stat status;
  struct gateway_port_lane *lane;
  void *memory = MAP_FAILED;
  if (fstat(file, &status) == 0 && status.st_size >= (off_t)sizeof(struct gateway_port_lane)) {
    *bytes = (uint64_t)status.st_size;
    memory = mmap(0, *bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  }
  (void)close(file);
  if (memory == MAP_FAILED) return 0;
  lane = (struct gateway_port_lane *)memory;
  if (lane->magic == GATEWAY_PORT_LANE_MAGIC && lane->version == GATEWAY_PORT_LANE_VERSION &&
      lane->entry_bytes == GATEWAY_PORT_ENTRY_BYTES &&
      *bytes >= GATEWAY_PORT_LANE_HEADER_BYTES +
                    (uint64_t)lane->capacity * GATEWAY_PORT_ENTRY_BYTES) {
    return lane;
  }
  (void)munmap(memory, *bytes);
  return 0;
}

/* Receives the welcome and its two descriptors. 0 = all there. */
static inline int gateway_port_receive(struct gateway_port *port, int files[2]) {
  union {
    char bytes[CMSG_SPACE(2 * sizeof(int))];
    struct cmsghdr align;
  } control;
  struct iovec part = {&port->welcome, sizeof port->welcome};
  struct msghdr message;
  struct cmsghdr *rights;
  ssize_t got;
  memset(&message, 0, sizeof message);
  memset(&control, 0, sizeof control);
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes;
  message.msg_controllen = sizeof control.bytes;
  do { /* a wait with a time limit ends at any signal, whatever its handler asked for */
    got = recvmsg(port->socket, &message, MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EINTR);
  if (got < 0) return errno == EAGAIN ? ETIMEDOUT : errno;
  if (got != (ssize_t)sizeof port->welcome) return EPROTO;
  rights = CMSG_FIRSTHDR(&message);
  if (port->welcome.refusal != 0) return EACCES;
  if (rights == 0 || rights->cmsg_type != SCM_RIGHTS ||
      rights->cmsg_len != CMSG_LEN(2 * sizeof(int))) {
    return EPROTO;
  }
  memcpy(files, CMSG_DATA(rights), 2 * sizeof(int));
  return 0;
}

/* Attaches to the gateway at socket PATH with the key KEYID.SECRET. 0 = attached, else an errno
   value; with EACCES port->welcome.text says why. */
static inline int gateway_port_connect(struct gateway_port *port, const char *path, const char *key,
                                       int cancels_on_disconnect) {
  struct sockaddr_un address;
  struct gateway_port_login login;
  const struct timeval patience = {10, 0};
  int files[2] = {-1, -1};
  int fault;
  memset(port, 0, sizeof *port);
  memset(&address, 0, sizeof address);
  memset(&login, 0, sizeof login);
  if (strlen(path) >= sizeof address.sun_path || strlen(key) >= sizeof login.key) return EINVAL;
  address.sun_family = AF_UNIX;
  memcpy(address.sun_path, path, strlen(path));
  memcpy(login.magic, GATEWAY_PORT_MAGIC, sizeof login.magic);
  login.layout_version = GATEWAY_PORT_LAYOUT_VERSION;
  login.cancels_on_disconnect = cancels_on_disconnect ? 1u : 0u;
  memcpy(login.key, key, strlen(key));
  port->socket = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  if (port->socket < 0) return errno;
  (void)setsockopt(port->socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (connect(port->socket, (struct sockaddr *)&address, sizeof address) != 0 ||
      send(port->socket, &login, sizeof login, MSG_NOSIGNAL) != (ssize_t)sizeof login) {
    fault = errno;
  } else {
    fault = gateway_port_receive(port, files);
  }
  if (fault == 0) {
    port->requests = gateway_port_map(files[0], &port->request_bytes);
    port->replies = gateway_port_map(files[1], &port->reply_bytes);
    if (port->requests == 0 || port->replies == 0) fault = EPROTO;
  }
  if (fault != 0) gateway_port_close(port);
  return fault;
}

/* Number and scales of a registered name. 0 = found, ENOENT = no such name, else an errno value. */
static inline int gateway_port_find(struct gateway_port *port, uint32_t kind, const char *name,
                                    struct gateway_port_found *found) {
  struct gateway_port_lookup lookup;
  ssize_t got;
  memset(&lookup, 0, sizeof lookup);
  if (strlen(name) >= sizeof lookup.name) return EINVAL;
  lookup.kind = kind;
  memcpy(lookup.name, name, strlen(name));
  if (send(port->socket, &lookup, sizeof lookup, MSG_NOSIGNAL) != (ssize_t)sizeof lookup) {
    return errno;
  }
  do {
    got = recv(port->socket, found, sizeof *found, 0);
  } while (got < 0 && errno == EINTR);
  if (got < 0) return errno == EAGAIN ? ETIMEDOUT : errno;
  if (got != (ssize_t)sizeof *found) return EPROTO;
  return found->id != 0 ? 0 : ENOENT;
}

#ifdef __cplusplus
}
#endif

#endif
