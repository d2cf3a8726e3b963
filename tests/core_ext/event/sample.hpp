// Two tables in the manner of venues, and events that they read: one flat with numbers, one nested
// in a list with texts.
#pragma once

#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "gateway_core/event/reader.hpp"

namespace sample {

using gateway::event::PlaceSpec;
using gateway::event::TableSpec;
using gateway::event::WordSpec;

inline PlaceSpec place(std::vector<std::string> path, std::string kind, std::string role = "",
                       std::vector<WordSpec> words = {}) {
  PlaceSpec spec;
  spec.path = std::move(path);
  spec.kind = std::move(kind);
  spec.role = std::move(role);
  spec.words = std::move(words);
  return spec;
}

inline TableSpec flat() {
  TableSpec spec;
  spec.account = "main";
  spec.is_sequence_the_trade = true;
  spec.places = {place({"e"}, "word", "", {{"order", ""}}),
                 place({"s"}, "text", "symbol"),
                 place({"c"}, "text", "client_order_id"),
                 place({"S"}, "word", "side", {{"BUY", "buy"}, {"SELL", "sell"}}),
                 place({"x"}, "word", "step", {{"NEW", ""}, {"TRADE", ""}, {"GONE", ""}}),
                 place({"i"}, "whole", "venue_order_id"),
                 place({"l"}, "number", "last_quantity"),
                 place({"L"}, "number", "last_price"),
                 place({"z"}, "number", "cumulative"),
                 place({"T"}, "time_ms", "time"),
                 place({"t"}, "whole", "trade_id"),
                 place({"m"}, "flag", "liquidity", {{"true", "maker"}, {"false", "taker"}}),
                 place({"n"}, "number", "fee"),
                 place({"N"}, "text", "fee_currency"),
                 place({"X"}, "word", "state", {{"OPEN", ""}, {"DONE", ""}})};
  spec.places[2].refused_prefixes = {"liq-"};
  for (const std::size_t at : {12U, 13U}) spec.places[at].is_required = false;
  spec.places[13].may_be_null = true;
  spec.outcomes = {{"NEW", "OPEN", "accepted", ""},
                   {"TRADE", "OPEN", "filled", ""},
                   {"TRADE", "DONE", "filled", ""},
                   {"GONE", "DONE", "canceled", "requested"}};
  return spec;
}

inline TableSpec nested() {
  TableSpec spec;
  spec.account = "main";
  spec.is_fee_negated = true;
  const auto row = [](std::string name, std::string kind, std::string role = "",
                      std::vector<WordSpec> words = {}) {
    return place({"data", std::string(gateway::event::kOnlyRow), std::move(name)}, std::move(kind),
                 std::move(role), std::move(words));
  };
  spec.places = {
      place({"arg", "channel"}, "word", "", {{"orders", ""}}),
      row("instId", "text", "symbol"),
      row("clOrdId", "text", "client_order_id"),
      row("ordId", "text", "venue_order_id"),
      row("side", "word", "side", {{"buy", "buy"}, {"sell", "sell"}}),
      row("posSide", "word", "leg", {{"net", "net"}, {"long", "long"}}),
      row("state", "word", "state", {{"live", ""}, {"filled", ""}, {"canceled", ""}}),
      row("amendResult", "word", "step", {{"", ""}, {"0", ""}}),
      row("px", "number", "price"),
      row("sz", "number", "quantity"),
      row("accFillSz", "number", "cumulative"),
      row("uTime", "text_time_ms", "order_time"),
      row("fillTime", "text_time_ms", "fill_time"),
      row("tradeId", "text", "trade_id"),
      row("fillPx", "number", "last_price"),
      row("fillSz", "number", "last_quantity"),
      row("fillFee", "number", "fee"),
      row("fillFeeCcy", "text", "fee_currency"),
      row("cancelSource", "word", "reason", {{"", "venue_decision"}, {"1", "requested"}})};
  for (std::size_t at = 12; at < 18; ++at) spec.places[at].may_be_empty = true;
  spec.outcomes = {{"", "live", "accepted", ""},
                   {"", "filled", "filled", ""},
                   {"", "canceled", "canceled", ""},
                   {"0", "live", "replaced", ""}};
  return spec;
}

inline gateway::event::Reader reader(const TableSpec& spec) {
  std::string error;
  auto table = gateway::event::compile(spec, error);
  if (!table) std::abort();
  return gateway::event::Reader(std::move(*table));
}

inline const std::string kFill =
    R"({"e":"order","E":1763700000077,"s":"BTCUSDT","c":"g001","S":"SELL","x":"TRADE","X":"OPEN",)"
    R"("i":8000001,"l":"0.001","L":"50000.10","z":"0.003","T":1763700000077,"t":77,"m":true,)"
    R"("n":"-0.02000004","N":"USDT","q":{"a":[1,{"b":null}],"c":-1.5e+3}})";
inline const std::string kNew =
    R"({"e":"order","E":1763700000077,"s":"BTCUSDT","c":"g001","S":"BUY","x":"NEW","X":"OPEN",)"
    R"("i":8000001,"l":"0","L":"0","z":"0","T":1763700000077,"t":0,"m":false,"N":null})";
inline const std::string kRow =
    R"({"arg":{"channel":"orders","uid":"7"},"data":[{"instId":"BTC-USDT-SWAP","clOrdId":"g001",)"
    R"("ordId":"6800","side":"buy","posSide":"long","state":"filled","amendResult":"",)"
    R"("px":"50000.1","sz":"2","accFillSz":"2","uTime":"1763700000077","fillTime":"1763700000070",)"
    R"("tradeId":"990","fillPx":"50000.1","fillSz":"2","fillFee":"-0.5","fillFeeCcy":"USDT",)"
    R"("cancelSource":"","lastPx":"1"}]})";

}  // namespace sample
