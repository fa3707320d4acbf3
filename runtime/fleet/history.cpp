#include "fleet/history.hpp"

#include <algorithm>

namespace vmfleet::fleet {

namespace {

double seconds(Milliseconds time) {
  return static_cast<double>(time.count()) / 1000;
}

/// What a counter has grown by; one that has become smaller has started anew.
template <typename Number>
Number growth(Number before, Number now) {
  return now >= before ? now - before : now;
}

}  // namespace

bool History::due(Milliseconds now) const {
  // A clock that went back is the one of another boot.
  return points_.empty() || now - points_.back().at >= kStep || now < points_.back().at;
}

/// Adds a sample to what is known of an instance; returns what has been added since the one before.
History::Counted History::advance(Track& track, Milliseconds now, const Sample& sample) {
  if (track.counted.empty()) {
    track.last = sample;
    track.counted.push_back({now, 0, 0, 0});
    return {};
  }
  const Counted added{now - track.counted.back().at, growth(track.last.cpu_seconds, sample.cpu_seconds),
                      growth(track.last.requests, sample.requests), growth(track.last.errors, sample.errors)};
  const Counted& before = track.counted.back();
  track.counted.push_back({now, before.cpu_seconds + added.cpu_seconds, before.requests + added.requests,
                           before.errors + added.errors});
  if (track.counted.size() > kRateSeconds + 1)
    track.counted.pop_front();
  track.last = sample;
  return added;
}

void History::add(Milliseconds now, std::int64_t time, int desired, const std::vector<Sample>& samples) {
  Point point{.at = now, .time = time, .desired = desired, .instances = static_cast<int>(samples.size())};
  std::map<std::string, Track> tracks;
  double shares = 0;
  double waited = 0;  // milliseconds, of all requests
  std::uint64_t requests = 0;
  int measured = 0;
  for (const auto& sample : samples) {
    auto& track = tracks[sample.id] = std::move(tracks_[sample.id]);
    const Counted added = advance(track, now, sample);
    const double elapsed = seconds(added.at);
    point.healthy += sample.healthy ? 1 : 0;
    point.connections += sample.connections;
    point.memory += sample.memory;
    if (elapsed <= 0)
      continue;
    point.requests += static_cast<double>(added.requests) / elapsed;
    point.errors += static_cast<double>(added.errors) / elapsed;
    requests += added.requests;
    waited += static_cast<double>(added.requests) * sample.response_ms;
    if (sample.healthy) {
      shares += added.cpu_seconds / elapsed / sample.cpus;
      ++measured;
    }
  }
  point.cpu = measured ? shares / measured : 0;
  point.response_ms = requests ? waited / static_cast<double>(requests) : 0;
  tracks_ = std::move(tracks);
  points_.push_back(point);
  if (points_.size() > kKept)
    points_.pop_front();
}

Rate History::rate(const std::string& id) const {
  const auto found = tracks_.find(id);
  if (found == tracks_.end())
    return {};
  const auto& [last, counted] = found->second;
  const Counted& newest = counted.back();
  const Counted& oldest = counted.front();
  Rate rate{
      .connections = last.connections, .requests_total = newest.requests, .errors_total = newest.errors};
  const double elapsed = seconds(newest.at - oldest.at);
  if (elapsed <= 0)
    return rate;
  rate.cpu = (newest.cpu_seconds - oldest.cpu_seconds) / elapsed / last.cpus;
  rate.requests = static_cast<double>(newest.requests - oldest.requests) / elapsed;
  rate.errors = static_cast<double>(newest.errors - oldest.errors) / elapsed;
  rate.response_ms = newest.requests > oldest.requests ? last.response_ms : 0;
  return rate;
}

Load History::load(Milliseconds window) const {
  Load load;
  double healthy = 0;
  double requests_waited = 0;
  for (auto point = points_.rbegin(); point != points_.rend(); ++point) {
    if (points_.back().at - point->at >= window)
      break;
    ++load.points;
    load.cpu += point->cpu;
    load.requests += point->requests;
    load.errors += point->errors;
    load.response_ms += point->response_ms * point->requests;
    requests_waited += point->requests;
    healthy += point->healthy;
  }
  if (load.points == 0)
    return load;
  load.response_ms = requests_waited > 0 ? load.response_ms / requests_waited : 0;
  load.per_instance = healthy > 0 ? load.requests / healthy : 0;
  load.cpu /= load.points;
  load.requests /= load.points;
  load.errors /= load.points;
  return load;
}

}  // namespace vmfleet::fleet
