/* A small client of the public header: submits one order, cancels it, and prints each reply it reads.
   Usage: port_client SOCKET KEY INSTRUMENT ACCOUNT STRATEGY PRICE QUANTITY */
#include <stdio.h>
#include <stdlib.h>

#include "gateway_port.h"

static const int64_t wait_ns = 5000000000;

static int fail(const char *what) {
  fprintf(stderr, "%s\n", what);
  return 1;
}

/* Prints replies until one is of this kind, or says no. */
static int read_until(struct gateway_port *port, unsigned kind, struct gateway_port_reply *reply) {
  while (gateway_port_wait(port, reply, wait_ns)) {
    printf("%u %llu %llu %lld\n", reply->kind, (unsigned long long)reply->order_id,
           (unsigned long long)reply->refusal, (long long)reply->quantity);
    if (reply->kind == kind) return 1;
    if (reply->refusal != 0) return 0;
  }
  return 0;
}

int main(int count, char **words) {
  struct gateway_port port;
  struct gateway_port_reply reply;
  struct gateway_port_new_order order;
  struct gateway_port_found instrument, account, strategy;
  if (count != 8) return fail("usage");
  if (gateway_port_connect(&port, words[1], words[2], 1) != 0) return fail(port.welcome.text);
  if (gateway_port_find(&port, GATEWAY_PORT_INSTRUMENT, words[3], &instrument) != 0 ||
      gateway_port_find(&port, GATEWAY_PORT_ACCOUNT, words[4], &account) != 0 ||
      gateway_port_find(&port, GATEWAY_PORT_STRATEGY, words[5], &strategy) != 0) {
    return fail("a name is not known");
  }
  memset(&order, 0, sizeof order);
  order.instrument = instrument.id;
  order.account = account.id;
  order.strategy = strategy.id;
  order.type = GATEWAY_PORT_LIMIT;
  order.side = GATEWAY_PORT_BUY;
  order.time_in_force = GATEWAY_PORT_GTC;
  order.price = atoll(words[6]);
  order.quantity = atoll(words[7]);
  memcpy(order.client_id, "from-c", 6);
  if (gateway_port_submit(&port, &order) == 0) return fail("lane full");
  if (!read_until(&port, GATEWAY_PORT_ORDER_ACCEPTED, &reply)) return fail("not accepted");
  if (gateway_port_cancel_order(&port, reply.order_id) == 0) return fail("lane full");
  if (!read_until(&port, GATEWAY_PORT_ORDER_CANCELED, &reply)) return fail("not canceled");
  gateway_port_close(&port);
  return 0;
}
