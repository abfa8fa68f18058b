//! Whether this process is in a container, and what an engine may know that by.

/// Digits of a container's whole ID, and of the short one that is its host name.
const WHOLE: usize = 64;
const SHORT: usize = 12;

/// IDs of the container that a process may be in, the surest first, from its `/proc/self/mountinfo`
/// and `/proc/self/cgroup` and its host name. Whether one is true only an engine can say: a host's
/// name may look like one.
pub fn own_containers(mountinfo: &str, cgroup: &str, hostname: &str) -> Vec<String> {
    let mounted = mountinfo.lines().filter_map(|line| {
        // ID, parent, device, root within the file system, mount point, …
        let mut fields = line.split(' ').skip(3);
        let (root, point) = (fields.next()?, fields.next()?);
        // An engine gives every container these files, from a directory that it names by the
        // container. The engine's own host has that directory too, but not mounted there.
        let given = ["/etc/hostname", "/etc/hosts", "/etc/resolv.conf"].contains(&point);
        given.then(|| id_in(root)).flatten()
    });
    let grouped = cgroup.lines().filter_map(id_in);
    let named = [hostname.trim()].into_iter().filter(|name| is_id(name, SHORT));
    let mut ids: Vec<String> = Vec::new();
    for id in mounted.chain(grouped).chain(named) {
        if !ids.iter().any(|known| known.starts_with(id)) {
            ids.push(id.to_owned());
        }
    }
    ids
}

fn id_in(path: &str) -> Option<&str> {
    // `/docker/ID`, `/system.slice/docker-ID.scope`, `/var/lib/docker/containers/ID/hostname`.
    path.split(['/', '-', '.', ':']).find(|part| is_id(part, WHOLE))
}

fn is_id(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

    #[test]
    fn a_container_is_known_by_what_its_engine_has_mounted_in_it() {
        let mounts = format!(
            "503 482 0:44 / / rw - overlay overlay rw,lowerdir=/var/lib/docker/overlay2/l/X\n\
             510 503 254:0 /var/lib/docker/containers/{A}/resolv.conf /etc/resolv.conf rw - ext4 /dev/vda rw\n\
             511 503 254:0 /var/lib/docker/containers/{A}/hostname /etc/hostname rw - ext4 /dev/vda rw\n"
        );
        assert_eq!(own_containers(&mounts, "0::/\n", "runner\n"), [A]);
        assert_eq!(own_containers(&mounts, &format!("1:cpu:/docker/{A}\n"), &A[..12]), [A]);
    }

    #[test]
    fn cgroups_and_the_host_name_are_second_best() {
        let cgroup = format!("0::/system.slice/docker-{B}.scope\n");
        assert_eq!(own_containers("", &cgroup, "0123456789ab\n"), [B, "0123456789ab"]);
    }

    #[test]
    fn an_engines_own_host_is_in_none_of_its_containers() {
        let mounts = format!(
            "600 29 0:52 / /var/lib/docker/containers/{A}/mounts/shm rw - tmpfs shm rw\n\
             29 1 254:0 / / rw - ext4 /dev/vda rw\n"
        );
        let none: [&str; 0] = [];
        assert_eq!(own_containers(&mounts, "0::/user.slice/session-1.scope\n", "laptop"), none);
        assert_eq!(own_containers("", "", "deadbeef"), none, "eight digits are no ID");
    }
}
