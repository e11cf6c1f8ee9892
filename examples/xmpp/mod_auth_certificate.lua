-- Prosody: lets clients in by the JID in their certificate (SASL EXTERNAL, XEP-0178), and in no other way.
--
-- Put it into one of the plugin_paths, and say `authentication = "certificate"` for the host. Prosody checks who has
-- made the certificate, its dates and the revocation list, as `ssl` says; here it is asked what came of that.

local jid = require "util.jid";
local new_sasl = require "util.sasl".new;
local accounts = module:open_store("accounts");

local SUBJECT_ALT_NAME = "2.5.29.17";
local XMPP_ADDRESS = "1.3.6.1.5.5.7.8.5";

-- Returns the accounts of this host that a valid certificate names, and how many they are.
local function proven(session)
	local socket = session.conn and session.conn:socket();
	local certificate = socket and socket.getpeercertificate and socket:getpeercertificate();
	if not certificate then
		return {}, 0;
	end
	local valid, faults = socket:getpeerverification();
	if not valid then
		for depth, fault in pairs(faults or {}) do
			module:log("warn", "a client's certificate is not believed: %s (%s)",
				type(fault) == "table" and table.concat(fault, ", ") or tostring(fault), tostring(depth));
		end
		return {}, 0;
	end
	if certificate.setencode then
		certificate:setencode("utf8");
	end
	local found, count = {}, 0;
	local names = certificate:extensions()[SUBJECT_ALT_NAME];
	for _, address in ipairs(names and names[XMPP_ADDRESS] or {}) do
		local user, host = jid.prepped_split(address);
		if user and host == module.host and not found[user] then
			found[user], count = true, count + 1;
		end
	end
	return found, count;
end

local provider = {};

function provider.get_sasl_handler(session)
	local users, count = proven(session);
	local profile = {};
	if count > 0 then
		function profile.external(wanted)
			local user, host;
			if wanted == "" then
				user, host = count == 1 and next(users) or nil, module.host;
			else
				user, host = jid.prepped_split(wanted);
			end
			if host == module.host and user and users[user] and provider.user_exists(user) then
				return user, true;
			end
			return nil;
		end
	end
	return new_sasl(module.host, profile);
end

function provider.user_exists(user)
	return accounts:get(user) ~= nil;
end

function provider.users()
	return accounts:users();
end

function provider.create_user(user)
	return accounts:set(user, { certificate = true });
end

function provider.delete_user(user)
	return accounts:set(user, nil);
end

function provider.test_password()
	return nil, "there are no passwords here";
end

function provider.set_password()
	return nil, "there are no passwords here";
end

module:provides("auth", provider);
