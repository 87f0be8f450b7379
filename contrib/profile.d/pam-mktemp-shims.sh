# /etc/profile.d/pam-mktemp-shims.sh: the launcher's folder first in PATH, as the login had it.
# /etc/profile sets PATH anew, or puts other folders first. PAM_MKTEMP_SHIMS is set by pam_mktemp_py, at stages shim
# and bind, while something is enabled (pam-mktemp shims enable). For any POSIX shell, under set -eu too.
# Of this folder alone: su without - keeps its caller's variables, and root's shell must not look into the caller's.
if [ "${PAM_MKTEMP_SHIMS:-}" = /var/lib/pam-mktemp/shims/bin ] && [ -d "$PAM_MKTEMP_SHIMS" ]; then
    _pam_mktemp_path=":${PATH:-/usr/local/bin:/usr/bin:/bin}:"
    while :; do
        case "$_pam_mktemp_path" in
        *":$PAM_MKTEMP_SHIMS:"*)
            _pam_mktemp_path="${_pam_mktemp_path%%":$PAM_MKTEMP_SHIMS:"*}:${_pam_mktemp_path#*":$PAM_MKTEMP_SHIMS:"}" ;;
        *) break ;;
        esac
    done
    _pam_mktemp_path="${_pam_mktemp_path#:}"
    _pam_mktemp_path="${_pam_mktemp_path%:}"
    PATH="$PAM_MKTEMP_SHIMS${_pam_mktemp_path:+:$_pam_mktemp_path}"
    export PATH
    unset _pam_mktemp_path
fi
