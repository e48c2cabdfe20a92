#pragma once

namespace proxy {

/// Has the kernel ask now and then whether the other end of a silent TCP connection is still there,
/// so that a peer that has vanished is found out, and address translators do not forget a quiet
/// tunnel. Set on a listening socket it holds for what is accepted there.
void probe_when_idle(int descriptor) noexcept;

} // namespace proxy
